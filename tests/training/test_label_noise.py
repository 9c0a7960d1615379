"""Labels made wrong: how many, which, and what is said of them."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import torch

from mirage.config import BackboneConfig
from mirage.core.contracts import ByteArray, PoseLabels
from mirage.core.errors import MirageError
from mirage.training.label_noise import corrupt, spoil

NUM = 40


class Images:
    def load_square(self, image_id: int, size: int) -> ByteArray:
        return np.full((size, size, 3), 100 + image_id, np.uint8)


class Backbone:
    config, size = BackboneConfig(name="effnet_lite", batch_size=7), 16

    def __call__(self, photos: ByteArray) -> torch.Tensor:
        return torch.from_numpy(photos.astype(np.float32))


class Bank:
    """Reads half of what it is shown wrongly, and knows it."""

    def __init__(self, wrong: float = 0.5) -> None:
        self.wrong, self.seen = wrong, 0

    def assign(self, features: torch.Tensor) -> PoseLabels:
        count = len(features)
        at = np.arange(self.seen, self.seen + count)
        self.seen += count
        return labels_of(np.where(at % 2 < 2 * self.wrong, 200.0, 10.0), 0.2, outlier=True)


def labels_of(azimuth: Any, confidence: float, outlier: bool = False) -> PoseLabels:
    pose = (azimuth > 100).astype(np.int64)
    count = len(azimuth)
    return PoseLabels(
        pose,
        np.full(count, confidence, np.float32),
        azimuth.astype(np.float32),
        np.stack([pose, 1 - pose], 1),
        np.tile([0.8, 0.2], (count, 1)),
        np.full(count, outlier),
    )


def call(share: float, ids: Any, wrong: float = 0.5, seed: int = 0) -> PoseLabels:
    labels = labels_of(np.full(NUM, 10.0), 0.9)
    stand_ins: Any = (Images(), Backbone(), Bank(wrong))
    return corrupt(labels, share, ids, *stand_ins, seed)


def test_so_many_labels_are_wrong_and_say_what_the_bank_says() -> None:
    ids = np.arange(0, NUM, 2)
    found = call(0.4, ids)
    changed = found.azimuth == 200.0
    assert changed.sum() == 8 and set(np.flatnonzero(changed)) <= set(ids)
    assert (found.pose[changed] == 1).all() and (found.confidence[changed] == np.float32(0.2)).all()
    assert (found.confidence[~changed] == np.float32(0.9)).all()
    assert not found.outlier.any()
    again, other = call(0.4, ids), call(0.4, ids, seed=1)
    for item in fields(PoseLabels):
        assert np.array_equal(getattr(found, item.name), getattr(again, item.name))
    assert not np.array_equal(other.azimuth, found.azimuth)


def test_more_than_the_bank_misreads_is_refused() -> None:
    with pytest.raises(MirageError, match="10 photos are misread when spoiled, not the 12"):
        call(0.6, np.arange(20))


def test_a_spoiled_photo_keeps_its_colour_and_little_else() -> None:
    rng = np.random.default_rng(0)
    sharp = np.zeros((3, 32, 32, 3), np.uint8)
    sharp[:, ::2] = 200
    spoiled = spoil(sharp, np.random.default_rng(0))
    assert spoiled.shape == sharp.shape and spoiled.dtype == np.uint8
    assert abs(spoiled.mean() - 100) < 15
    rows = spoiled.astype(float)
    assert np.abs(rows[:, 1:] - rows[:, :-1]).mean() < 40  # 200 before
    assert not np.array_equal(spoil(sharp, rng), spoil(sharp, rng))
