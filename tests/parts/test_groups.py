"""Photos of one kind of object go over into one another, those of two kinds do not."""

from __future__ import annotations

import numpy as np
import pytest

from mirage.core.contracts import FloatArray
from mirage.parts.groups import find_two_groups

PARTS = 60


def seen(num: int, first: int, around: bool, seed: int = 0) -> FloatArray:
    """[num, PARTS] of photos of an object with 30 parts from `first` on; each shows 18 in a row,
    which begin anywhere where they go all `around`.
    """
    random = np.random.default_rng(seed)
    mass = 0.02 * random.random((num, PARTS))
    for row, start in zip(mass, random.integers(0, 30 if around else 3, num), strict=True):
        row[first + (start + np.arange(18)) % 30] += random.random(18)
    return mass


@pytest.mark.parametrize("around", [False, True])
def test_one_kind_shares_its_parts_however_far_round_it_is_seen(around: bool) -> None:
    assert find_two_groups(seen(256, 0, around)).shared > 0.6


@pytest.mark.parametrize("count", [128, 51])
def test_two_kinds_share_few_whatever_the_shares_of_each(count: int) -> None:
    both = np.concatenate([seen(256 - count, 0, True), seen(count, 30, True, seed=1)])
    groups = find_two_groups(np.random.default_rng(2).permutation(both))
    assert groups.shared < 0.5 and groups.smaller == pytest.approx(count / 256)


def test_the_coefficient_is_that_of_the_means() -> None:
    mass = np.array([[4.0, 0.0, 0.0], [2.0, 2.0, 0.0], [0.0, 1.0, 3.0], [0.0, 0.0, 9.0]])
    groups = find_two_groups(np.repeat(mass, 5, axis=0))
    means = np.array([0.75, 0.25, 0.0]), np.array([0.0, 0.125, 0.875])
    assert groups.shared == pytest.approx(np.sqrt(means[0] * means[1]).sum(), abs=1e-6)
    assert groups.smaller == 0.5


def test_photos_that_all_show_the_same_are_one_group() -> None:
    assert find_two_groups(np.ones((8, 4))).shared == pytest.approx(1.0)
