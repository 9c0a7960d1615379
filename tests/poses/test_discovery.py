"""Discoveries that agree make a score near 1; photos on no curve make none."""

from __future__ import annotations

import numpy as np
from made_up_circles import ODD, azimuths, folded

from mirage.circle import align_rings
from mirage.poses.discovery import discover_circle


def test_discoveries_agree_on_a_circle() -> None:
    true = azimuths(600)
    points, mirrored = folded(true)
    circle = discover_circle(points, mirrored, seed=0, num_discoveries=3)
    assert circle is not None and circle.score > 0.8
    assert len(circle.reader.members) == 3
    read = circle.reader.azimuths(points)
    assert np.median(align_rings(read, true).error(read, true)) < 6.0
    assert np.median(circle.reader.confidence(points)) > 0.9  # all members lie on one ring


def test_a_cloud_is_no_circle() -> None:
    cloud = np.random.default_rng(0).normal(size=(500, 6))
    assert discover_circle(cloud, cloud * ODD, seed=0, num_discoveries=2) is None
