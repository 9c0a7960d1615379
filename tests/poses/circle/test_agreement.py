"""Curves are compared as their rings lie nearest, whichever end is 0 and whichever way they run."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic.circles import azimuths

from mirage.core.angles import circular_distance
from mirage.poses.circle.agreement import agreement, lay_on, put_elsewhere

ONE = azimuths(400)


@pytest.mark.parametrize("end", [0.0, 180.0])
@pytest.mark.parametrize("way", [1, -1])
def test_the_same_curve_is_alike_however_its_ring_lies(end: float, way: int) -> None:
    other = (end + way * ONE) % 360.0
    assert circular_distance(lay_on(ONE, other), ONE).max() < 1e-9
    assert agreement(ONE, other) == 1.0


def test_photos_on_the_wrong_half_are_elsewhere() -> None:
    wrong = np.arange(400) < 100
    other = np.where(wrong, (ONE + 180.0) % 360.0, ONE + 20.0)
    assert (put_elsewhere(ONE, 180.0 - other) == wrong).all()
    assert agreement(ONE, other) == pytest.approx(0.75)


def test_curves_that_have_nothing_in_common_agree_on_few_photos() -> None:
    assert agreement(ONE, azimuths(400, seed=1)) < 0.35
