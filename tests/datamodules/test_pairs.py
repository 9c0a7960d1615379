"""Pairs show one object, in the photo's own pose and in the one that its view was asked for."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from mirage.core.contracts import PoseLabels, PoseRing
from mirage.datamodules.labelled import LabelledImages
from mirage.datamodules.pairs import BackTranslated, PairedBatches, PairedImages

NUM, TURNED = 12, 9
IDS = np.array([3, 0, 5, 7, 1, 3, 8, 2, 11])  # photo 3 was turned twice


def label(pose: np.ndarray) -> PoseLabels:
    count = len(pose)
    return PoseLabels(
        pose, np.ones(count), pose * 90.0, pose[:, None], np.ones((count, 1)), np.zeros(count, bool)
    )


def numbered(values: np.ndarray) -> np.ndarray:
    """[N, 2, 2, 3]: the left half of image i is values[i], the right half 100 more."""
    pixels = np.repeat(values.astype(np.uint8)[:, None, None, None], 2, axis=1)
    return np.repeat(np.concatenate([pixels, pixels + 100], axis=2), 3, axis=3)


def batches(
    ring: PoseRing, mirror: bool, rank: int = 0, world_size: int = 1, rows: Any = range(TURNED)
) -> PairedBatches:
    photos, views = label(np.arange(NUM) % 4), label((IDS + 1) % 4)

    def flip(labels: PoseLabels) -> PoseLabels | None:
        return replace(labels, pose=-labels.pose % 4, topk=-labels.topk % 4) if mirror else None

    data = PairedImages(
        BackTranslated(LabelledImages(numbered(IDS), views, flip(views)), IDS, np.array(rows)),
        LabelledImages(numbered(np.arange(NUM)), photos, flip(photos)),
        ring,
        np.arange(NUM),
        np.arange(1),
        64 // world_size,
        0.5,
        5,
        3,
    )
    data.trainer = SimpleNamespace(  # type: ignore[assignment]
        global_rank=rank,
        world_size=world_size,
        strategy=SimpleNamespace(root_device=torch.device("cpu")),
    )
    return data.batches()


def batch_of(batches: PairedBatches, step: int) -> dict[str, Any]:
    return batches.finish(batches.fetch(step))


@pytest.mark.parametrize("mirror", [False, True])
def test_both_of_a_pair_show_one_object_the_same_way_round(ring: PoseRing, mirror: bool) -> None:
    pair = batch_of(batches(ring, mirror), 2)["pair"]
    photo, view = pair["photo"], pair["view"]
    assert torch.equal(photo["image"], view["image"])  # of one number, and mirrored together
    left, right = photo["image"][:, 0, 0, 0].long(), photo["image"][:, 0, 1, 0].long()
    flipped = left > right
    assert bool(flipped.any()) == mirror and not flipped.all()
    object_id = torch.minimum(left, right)
    sign = 1 - 2 * flipped.long()
    assert torch.equal(photo["pose"], sign * object_id % 4)
    assert torch.equal(view["pose"], sign * (object_id + 1) % 4)


def test_views_that_are_read_elsewhere_are_not_learned_from(ring: PoseRing) -> None:
    pair = batch_of(batches(ring, False, rows=[1, 4]), 0)["pair"]
    assert set(pair["view"]["image"][:, 0, 0, 0].tolist()) == {IDS[1], IDS[4]} == {0, 1}


def test_ranks_share_out_the_pairs_of_one_process(ring: PoseRing) -> None:
    whole = batch_of(batches(ring, True), 1)["pair"]["photo"]["image"]
    parts = [
        batch_of(batches(ring, True, rank, 2), 1)["pair"]["photo"]["image"] for rank in range(2)
    ]
    assert torch.equal(torch.cat(parts), whole)
