"""Vectors to poses: k-means with restarts, and how sure each label is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mirage import kmeans
from mirage.contracts import FloatArray, IntArray


@dataclass(frozen=True)
class SoftPoses:
    """The T likeliest poses of N photos: ids and weights [N, T], likeliest first, rows sum to 1."""

    topk: IntArray
    weight: FloatArray

    @property
    def confidence(self) -> FloatArray:
        """[N] in [0, 1]: the margin of the best pose's weight over the next."""
        if self.weight.shape[1] == 1:
            return np.ones(len(self.weight), np.float32)
        margin: FloatArray = self.weight[:, 0] - self.weight[:, 1]
        return margin


def fit_poses(
    points: FloatArray, num_poses: int, *, restarts: int, seed: int, max_points: int
) -> tuple[FloatArray, float]:
    """K pose centroids [K, E], and the squared distance that one unit of softness is worth.

    The unit is half the median gap between a photo's nearest and next centroid, so that a typical
    photo gives its best pose about 0.88 of the weight that it shares between the two.
    """
    centroids = kmeans.fit(
        points, num_poses, seed=seed, restarts=restarts, max_points=max_points, iterations=30
    ).centroids
    _, distance = kmeans.nearest(points, centroids, num_nearest=2)
    softness = 0.5 * float(np.median(distance[:, 1] - distance[:, 0]))
    return centroids, max(softness, 1e-9)


def soft_poses(points: FloatArray, centroids: FloatArray, softness: float, topk: int) -> SoftPoses:
    """Assign [N, E] points: softmax of minus the squared distance over `softness`."""
    ids, distance = kmeans.nearest(points, centroids, num_nearest=topk)
    weight = np.exp(-(distance - distance[:, :1]) / softness)
    return SoftPoses(ids, (weight / weight.sum(axis=1, keepdims=True)).astype(np.float32))
