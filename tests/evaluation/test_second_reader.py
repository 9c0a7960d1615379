"""A reader of azimuths that learns from pixels alone; here a bright spot goes round the picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from synthetic.photos import labels_of

from mirage.core.angles import circular_distance
from mirage.core.contracts import HELDOUT, TRAIN, ByteArray, IntArray
from mirage.evaluation import second_reader
from mirage.evaluation.second_reader import fit_second_reader


class Spots:
    """Stands in for an ImageSet: 400 pictures of a spot at an azimuth, on a colour by chance."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.azimuth = rng.uniform(0, 360, 400)
        self.colour = rng.integers(0, 120, (400, 3))

    def ids(self, split: str) -> IntArray:
        return {TRAIN: np.arange(320), HELDOUT: np.arange(320, 400)}[split]

    def batches(self, ids: IntArray, size: int, batch: int) -> Iterator[tuple[IntArray, ByteArray]]:
        y, x = np.mgrid[:size, :size] / (size - 1) - 0.5
        pictures = []
        for i in ids:
            angle = np.deg2rad(self.azimuth[i])
            spot = (x - 0.35 * np.sin(angle)) ** 2 + (y + 0.35 * np.cos(angle)) ** 2 < 0.02
            pictures.append(np.where(spot[..., None], 255, self.colour[i]))
        if pictures:
            yield ids, np.stack(pictures).astype(np.uint8)


@pytest.fixture(scope="module")
def spots() -> Any:
    return Spots()


def test_it_reads_what_it_has_not_seen_and_says_how_well(
    spots: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second_reader, "_EPOCHS", 16)
    poses = (spots.azimuth / 90).astype(int) % 4
    labels = labels_of(poses, spots.azimuth)
    flipped = labels_of(poses, -spots.azimuth % 360)
    reader = fit_second_reader(spots, labels, flipped, seed=0)
    assert reader.error < 10
    unseen = spots.ids(HELDOUT)
    ((_, shown),) = spots.batches(unseen, 64, 400)  # of another size
    away = circular_distance(reader(shown), spots.azimuth[unseen])
    assert np.median(away) < 12
    mirrored = circular_distance(reader(shown[:, :, ::-1].copy()), -spots.azimuth[unseen])
    assert np.median(mirrored) < 12


def test_what_has_no_pose_teaches_nothing_and_the_seed_tells_all(
    spots: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second_reader, "_MOST_STEPS", 3)
    labels = labels_of(np.zeros(400, int), spots.azimuth)
    first, again, other = (fit_second_reader(spots, labels, None, seed) for seed in (0, 0, 1))
    ((_, shown),) = spots.batches(np.arange(9), 48, 9)
    assert np.array_equal(first(shown), again(shown)) and not np.array_equal(
        first(shown), other(shown)
    )
    labels.outlier[300:] = True
    assert np.isnan(fit_second_reader(spots, labels, None, 0).error)
