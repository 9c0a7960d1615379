"""Pose-balanced sampling: rare poses are seen more often than their share of the photos."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mirage.core.contracts import FloatArray, IntArray


def balanced_probabilities(poses: Sequence[IntArray], num_poses: int, balance: float) -> FloatArray:
    """[N] sampling probability of each image.

    An image of a pose that is shown n times is drawn in proportion to n^(−balance): 0 draws images
    evenly, 1 draws poses evenly, between them is a compromise that does not repeat a rare photo
    endlessly.

    Args:
        poses: [N] of the images and, where half of the draws are mirror images, [N] of those: a
            side that few photos show is shown by the mirror images of the other side, too.
    """
    counts = np.sum([np.bincount(pose, minlength=num_poses) for pose in poses], axis=0)
    weight = np.sum([counts[pose].astype(np.float64) ** -balance for pose in poses], axis=0)
    probabilities: FloatArray = weight / weight.sum()
    return probabilities
