"""Rare poses are drawn more often, between evenly by image and evenly by pose."""

from __future__ import annotations

import numpy as np
import pytest

from mirage.datamodules.balance import balanced_probabilities

POSE = np.repeat([0, 1, 3], [8, 2, 1])  # pose 2 has no image


def share_of_poses(balance: float) -> np.ndarray:
    probabilities = balanced_probabilities([POSE], 4, balance)
    assert probabilities.sum() == pytest.approx(1.0) and (probabilities > 0).all()
    return np.bincount(POSE, probabilities, minlength=4)


def test_no_balance_draws_images_evenly() -> None:
    assert share_of_poses(0.0) == pytest.approx(np.array([8, 2, 0, 1]) / 11)


def test_full_balance_draws_poses_evenly() -> None:
    assert share_of_poses(1.0) == pytest.approx(np.array([1, 1, 0, 1]) / 3)


def test_half_balance_lies_between() -> None:
    none, half, full = (share_of_poses(b) for b in (0.0, 0.5, 1.0))
    assert none[0] > half[0] > full[0] and none[3] < half[3] < full[3]
    assert half[0] / half[3] == pytest.approx(8**0.5)


def test_a_side_that_mirror_images_show_is_not_rare() -> None:
    """Of 52 photos 2 show the left; of 52 draws 26 do, as half are mirror images."""
    pose = np.repeat([0, 1], [50, 2])
    assert balanced_probabilities([pose, 1 - pose], 2, 1.0) == pytest.approx(np.full(52, 1 / 52))
    fronts = np.repeat([0, 1, 2], [40, 2, 10])  # 2 is its own mirror image
    both = [fronts, np.array([1, 0, 2])[fronts]]
    shown = sum(
        np.bincount(pose, balanced_probabilities(both, 3, 1.0), minlength=3) / 2 for pose in both
    )
    assert shown == pytest.approx(np.full(3, 1 / 3))
