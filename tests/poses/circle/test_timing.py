"""A timing of the circle goes through its knots, keeps the order, and is odd under mirroring."""

from __future__ import annotations

import numpy as np
import pytest

from mirage.core.angles import circular_distance
from mirage.poses.circle.timing import Timing

ROUND = np.arange(0.0, 360.0, 0.25)
TIMING = Timing(np.array([40.0, 60.0, 110.0]), np.array([20.0, 45.0, 80.0]))


def test_it_goes_through_its_knots_and_keeps_the_ends() -> None:
    np.testing.assert_allclose(TIMING([0.0, 40.0, 60.0, 110.0, 180.0]), [0, 20, 45, 80, 180])


def test_it_keeps_the_order_and_has_no_corners() -> None:
    steps = np.diff(TIMING(ROUND))
    assert steps.min() > 0.0
    assert np.abs(np.diff(steps)).max() < 0.02  # degrees a quarter of a degree, squared


def test_mirror_images_follow() -> None:
    assert circular_distance(TIMING(-ROUND), -TIMING(ROUND)).max() < 1e-9


@pytest.mark.parametrize(
    ("found", "true"),
    [([40.0, 30.0], [10.0, 20.0]), ([40.0, 60.0], [50.0, 50.0]), ([0.0], [3.0]), ([90.0], [180.0])],
)
def test_what_does_not_ascend_is_refused(found: list[float], true: list[float]) -> None:
    with pytest.raises(ValueError, match="do not ascend"):
        Timing(np.array(found), np.array(true))
