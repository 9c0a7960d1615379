"""What is unlike the others, and fills its photo unlike them, is set aside; rare views are not."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic.circles import azimuths, whole

from mirage.core.contracts import FloatArray
from mirage.poses.description.described import Sampled
from mirage.poses.unlike import distances_to_most, find_unlike

CIRCLE = whole(azimuths(400))
RNG = np.random.default_rng(0)
USUAL = RNG.normal(0.8, 0.03, 400)
FEW = np.arange(400) % 8 == 0


def with_few(values: FloatArray, few: FloatArray) -> FloatArray:
    changed = np.array(values)
    changed[FEW] = few
    return changed


def strange() -> tuple[FloatArray, FloatArray]:
    """The circle, with descriptors of something else among them."""
    other: FloatArray = RNG.normal(size=(FEW.sum(), 6))
    return with_few(CIRCLE[0], other), with_few(CIRCLE[1], RNG.normal(size=other.shape))


def sampled(points: tuple[FloatArray, FloatArray], sides: FloatArray | None) -> Sampled:
    return Sampled(*points, np.ones((400, 2)), sides=sides)


def test_close_ups_are_found_and_nothing_else() -> None:
    found = find_unlike(sampled(strange(), with_few(USUAL, np.full(FEW.sum(), 0.96))))
    assert found[FEW].mean() > 0.8 and not found[~FEW].any()


@pytest.mark.parametrize(
    ("points", "sides"),
    [
        (strange(), USUAL),  # views that few photos show
        (CIRCLE, with_few(USUAL, np.full(FEW.sum(), 0.96))),  # objects seen from near
        (strange(), None),  # of a sample that was described without
    ],
)
def test_neither_sign_is_enough(
    points: tuple[FloatArray, FloatArray], sides: FloatArray | None
) -> None:
    assert find_unlike(sampled(points, sides)).mean() < 0.02


def test_what_shows_nothing_is_found() -> None:
    """Photos of many kinds lie in a shell; what has none of their parts, in the middle of it."""
    many = RNG.normal(size=(2, 400, 40))
    many[:, FEW] *= 0.02
    found = find_unlike(sampled((many[0], many[1]), USUAL))
    assert found[FEW].all() and found[~FEW].mean() < 0.02


def test_distances_are_in_variances_of_the_photos_that_are_close_together() -> None:
    """A quarter of them, far away, does not blur it: the others' are as they would be alone."""
    even, odd = RNG.normal(size=(2000, 4)), RNG.normal(size=(2000, 4))
    far = np.arange(2000) % 5 == 0
    even[far] = 30.0 + 5.0 * RNG.normal(size=(far.sum(), 4))
    distances = distances_to_most(
        np.concatenate([even + 0 * odd, odd], axis=1), np.concatenate([even, -odd], axis=1)
    )
    assert distances[far].min() > 20 * np.median(distances[~far])


@pytest.mark.parametrize("num", [2, 12])
def test_few_photos_are_judged_by_few_coordinates(num: int) -> None:
    points = CIRCLE[0][:num], CIRCLE[1][:num]
    assert np.isfinite(distances_to_most(*points)).all()
    assert find_unlike(Sampled(*points, np.ones((num, 2)), sides=USUAL[:num])).shape == (num,)
