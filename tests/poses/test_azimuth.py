"""The circle is found, unfolded where front and rear look alike, refused where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from mirage.circle import align_rings
from mirage.contracts import FloatArray
from mirage.poses.azimuth import fit_circle, turn_of_plane

ODD = np.array([1.0, -1.0, 1.0, -1.0, 1.0, 1.0])  # what mirroring does to each coordinate


def photos(num: int, cue: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Azimuths, and descriptors whose angle winds twice but for a small cue, with mirror images."""
    rng = np.random.default_rng(3)
    azimuth = rng.uniform(0, 360, num)
    a = np.deg2rad(azimuth)
    body = rng.normal(size=(num, 2)) * 0.05  # kinds of object, the same from either side
    clean = np.stack([np.cos(2 * a), np.sin(2 * a), cue * np.cos(a), cue * np.sin(a)], axis=1)
    points = np.concatenate([clean, body], axis=1)
    noise = rng.normal(size=(2, num, 6)) * 0.01
    return azimuth, points + noise[0], points * ODD + noise[1]


def test_the_fold_is_undone() -> None:
    azimuth, descriptors, mirrored = photos(700, cue=0.25)
    found = fit_circle(descriptors, mirrored, seed=0)
    assert found is not None and found[1] > 0.9
    read = found[0].azimuths(descriptors)
    error = align_rings(read, azimuth).error(read, azimuth)
    assert np.median(error) < 5.0
    assert (error > 90).mean() < 0.02


def test_a_circle_that_is_not_folded_stays_whole() -> None:
    rng = np.random.default_rng(4)
    azimuth = rng.uniform(0, 360, 900)
    a = np.deg2rad(azimuth)
    points = np.stack([np.cos(a), np.sin(a), np.cos(2 * a), np.sin(2 * a)], axis=1)
    points = points * [1, 1, 0.3, 0.3] + 0.02 * rng.normal(size=points.shape)
    found = fit_circle(points, points * [1, -1, 1, -1], seed=0)
    assert found is not None and found[1] > 0.9
    read = found[0].azimuths(points)
    assert np.median(align_rings(read, azimuth).error(read, azimuth)) < 5.0


def test_a_cloud_is_no_circle() -> None:
    rng = np.random.default_rng(0)
    cloud = rng.normal(size=(500, 6))
    assert fit_circle(cloud, cloud * ODD, seed=0) is None


@pytest.mark.parametrize("direction", [1, -1])
def test_turning_the_plane_turns_the_angle(direction: int) -> None:
    angle = np.deg2rad(np.array([10.0, 200.0]))
    points = np.stack([np.cos(angle), np.sin(angle)], axis=1) @ turn_of_plane(30.0, direction)
    turned = np.rad2deg(np.arctan2(points[:, 1], points[:, 0])) % 360
    np.testing.assert_allclose(turned, (30 + direction * np.array([10, 200])) % 360, atol=1e-4)
