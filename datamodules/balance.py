"""Pose-balanced sampling: rare poses are seen more often than their share of the photos."""

from __future__ import annotations

import numpy as np

from mirage.contracts import FloatArray, IntArray


def balanced_probabilities(pose: IntArray, num_poses: int, balance: float) -> FloatArray:
    """[N] sampling probability of each image.

    An image of a pose with n images is drawn in proportion to n^(−balance): 0 draws images evenly,
    1 draws poses evenly, between them is a compromise that does not repeat a rare photo endlessly.
    """
    counts = np.bincount(pose, minlength=num_poses).astype(np.float64)
    weight = counts[pose] ** -balance
    probabilities: FloatArray = weight / weight.sum()
    return probabilities
