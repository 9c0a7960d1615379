"""Views that share a place on the curve are moved apart, each to where the other would be."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic.circles import azimuths, whole

from mirage.core.angles import circular_distance
from mirage.poses.circle.curve import even_and_odd
from mirage.poses.circle.splits import splits

TRUE = azimuths(800)
EVEN, ODD = even_and_odd(*whole(TRUE), 6)


@pytest.mark.parametrize(
    ("kind", "confused"),
    [
        (0, np.where(np.cos(np.deg2rad(TRUE)) > 0, TRUE, 180 - TRUE)),
        (1, TRUE % 180),
        (2, TRUE % 180),
        (3, np.where(circular_distance(TRUE, 180) <= 50, -TRUE, TRUE)),
    ],
)
def test_one_of_the_splits_is_the_truth(kind: int, confused: np.ndarray) -> None:
    starts = list(splits(EVEN, ODD, confused, np.random.default_rng(0)))[kind]
    # Turned by half a circle, it is the same curve.
    wrong = [
        min((circular_distance(start, TRUE + turn) > 1).mean() for turn in (0, 180))
        for start in starts
    ]
    assert min(wrong) < 0.05


def test_a_split_moves_a_photo_to_its_counterpart_or_not_at_all() -> None:
    counterparts = (lambda a: 180 - a, lambda a: a + 180, lambda a: a + 180, lambda a: -a)
    for starts, counterpart in zip(
        splits(EVEN, ODD, TRUE, np.random.default_rng(0)), counterparts, strict=True
    ):
        for start in starts:
            assert start.min() >= 0 and start.max() < 360
            stays = circular_distance(start, TRUE) < 1e-6
            moves = circular_distance(start, counterpart(TRUE)) < 1e-6
            assert (stays | moves).all() and not (stays.all() or moves.all())


def test_splits_do_not_hang_on_the_signs_of_singular_vectors() -> None:
    """Rounding decides them, as the order of the coordinates does here."""
    found = [
        np.concatenate(list(splits(EVEN[:, order], ODD[:, order], TRUE % 180, random)))
        for order in (np.arange(6), np.arange(6)[::-1], np.array([2, 5, 0, 1, 4, 3]))
        for random in [np.random.default_rng(0)]
    ]
    for other in found[1:]:
        assert (circular_distance(found[0], other) < 1e-6).mean() > 0.999
