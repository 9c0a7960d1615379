"""Made-up descriptors of photos of a turning object."""

from __future__ import annotations

import numpy as np

from mirage.core.contracts import FloatArray

ODD = np.array([1.0, -1.0, 1.0, -1.0, 1.0, 1.0])  # what mirroring does to each coordinate


def folded(azimuth: FloatArray, cue: float = 0.25) -> tuple[FloatArray, FloatArray]:
    """[n, 6] descriptors whose angle winds twice but for a small cue, and their mirror images."""
    rng = np.random.default_rng(3)
    a, num = np.deg2rad(azimuth), len(azimuth)
    body = rng.normal(size=(num, 2)) * 0.05  # kinds of object, the same from either side
    clean = np.stack([np.cos(2 * a), np.sin(2 * a), cue * np.cos(a), cue * np.sin(a)], axis=1)
    points = np.concatenate([clean, body], axis=1)
    noise = rng.normal(size=(2, num, 6)) * 0.01
    return points + noise[0], points * ODD + noise[1]


def detailed(azimuth: FloatArray) -> tuple[FloatArray, FloatArray]:
    """[n, 12] descriptors as `folded`, and details that change fast, alike in front and rear."""
    rng = np.random.default_rng(5)
    a = np.deg2rad(azimuth)
    waves = [wave(multiple * a) for multiple in (12, 14, 16) for wave in (np.cos, np.sin)]
    details = 0.3 * np.stack(waves, axis=1)
    noise = rng.normal(size=(2, len(a), 6)) * 0.01
    points, mirrored = folded(azimuth, 0.4)
    return (
        np.concatenate([points, details + noise[0]], axis=1),
        np.concatenate([mirrored, details * [1, -1, 1, -1, 1, -1] + noise[1]], axis=1),
    )


def whole(azimuth: FloatArray) -> tuple[FloatArray, FloatArray]:
    """[n, 6] descriptors on a circle that winds once, and their mirror images."""
    rng = np.random.default_rng(4)
    a, num = np.deg2rad(azimuth), len(azimuth)
    clean = np.stack(
        [np.cos(a), np.sin(a), 0.3 * np.cos(2 * a), 0.3 * np.sin(2 * a), 0 * a, 0 * a], axis=1
    )
    noise = rng.normal(size=(2, num, 6)) * 0.02
    return clean + noise[0], clean * ODD + noise[1]


def azimuths(num: int, low: float = 0.0, high: float = 360.0, seed: int = 0) -> FloatArray:
    """[num] degrees drawn evenly from an arc."""
    return np.random.default_rng(seed).uniform(low, high, num) % 360.0
