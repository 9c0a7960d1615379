"""Anchors that a person gave: which way round, timed through them, and what contradicts itself."""

from __future__ import annotations

import numpy as np
import pytest

from mirage.core.angles import circular_distance, wrap
from mirage.core.errors import MirageError
from mirage.poses.anchors import place_anchors

RING = np.arange(0.0, 360.0, 30.0)  # poses 0 to 11


def placed(anchors: dict[int, float]) -> np.ndarray:
    """Where the poses come to."""
    offset, direction, timing = place_anchors(RING, anchors)
    turned = wrap(offset + direction * RING)
    return turned if timing is None else timing(turned)


@pytest.mark.parametrize("end", [0.0, 180.0])
@pytest.mark.parametrize("way", [1, -1])
def test_the_end_and_the_direction_that_a_person_means_are_found(end: float, way: int) -> None:
    true = wrap(end + way * RING)
    asked = {1: float(true[1]), 2: float(true[2]), 9: float(true[9])}
    assert circular_distance(placed(asked), true).max() < 1e-6


def test_poses_come_to_their_anchors_and_mirror_poses_follow() -> None:
    at = placed({0: 0.0, 1: 12.0, 3: 70.0, 8: 210.0})
    np.testing.assert_allclose(at[[0, 1, 3, 8]], [0, 12, 70, 210], atol=1e-6)
    np.testing.assert_allclose(at[[11, 9, 4]], [348, 290, 150], atol=1e-6)
    assert (np.diff(at) > 0.0).all()


def test_an_end_alone_turns_the_circle() -> None:
    np.testing.assert_allclose(placed({6: 0.0})[[6, 0]], [0, 180])
    np.testing.assert_allclose(placed({2: 0.0})[[2, 5]], [0, 90])  # 0 is what one likes it to be


@pytest.mark.parametrize(
    ("anchors", "told"),
    [
        ({1: 60.0, 2: 30.0, 3: 90.0, 4: 120.0}, "follow one another"),
        ({0: 0.0, 3: 0.0}, "not its own mirror image"),
        ({1: 30.0, 11: 40.0}, "poses 1 and 11|poses 11 and 1|other side"),
        ({2: 45.0, 3: 300.0, 4: 120.0}, "other side"),
    ],
)
def test_contradictions_are_told(anchors: dict[int, float], told: str) -> None:
    with pytest.raises(MirageError, match=told) as caught:
        placed(anchors)
    assert "poses.anchors" in str(caught.value)
