"""The number of poses is the finest that a second discovery agrees with."""

from __future__ import annotations

import numpy as np
import pytest

from mirage.core.contracts import FloatArray
from mirage.core.errors import MirageError
from mirage.poses.stability import choose_count, conditional_bits


def ring(num: int, noise: float, seed: int) -> FloatArray:
    """Points on a circle, read with an error of `noise` degrees that is the discovery's own."""
    azimuth = np.random.default_rng(0).uniform(0, 360, num)
    read = np.deg2rad(azimuth + noise * np.random.default_rng(seed).normal(size=num))
    return np.stack([np.cos(read), np.sin(read)], axis=1).astype(np.float32)


def test_conditional_bits_of_known_labellings() -> None:
    labels = np.repeat(np.arange(4), 25)
    assert conditional_bits(labels, labels) == pytest.approx(0.0)
    assert conditional_bits(labels, np.zeros(100, int)) == pytest.approx(2.0)
    assert conditional_bits(labels, labels // 2) == pytest.approx(1.0)


def test_well_read_photos_bear_more_poses_than_badly_read_ones() -> None:
    fine, coarse = (
        choose_count([ring(2000, noise, seed) for seed in (1, 2)], 0, 2000) for noise in (1.0, 12.0)
    )
    assert fine.chosen >= 24 and coarse.chosen <= 16
    assert str(fine.chosen) in fine.why
    assert all(trial.low <= trial.open_bits <= trial.high for trial in fine.candidates)
    rising = [trial.open_bits for trial in coarse.candidates][-3:]
    assert rising == sorted(rising)


def test_few_photos_limit_the_number_and_too_few_are_refused() -> None:
    points = ring(130, 1.0, 1)
    assert max(trial.count for trial in choose_count([points] * 2, 0, 2000).candidates) == 6
    with pytest.raises(MirageError, match="too few"):
        choose_count([points[:50]] * 2, 0, 2000)
