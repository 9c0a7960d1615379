"""Vectors to poses: k-means with restarts, and how sure each label is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mirage import kmeans
from mirage.contracts import FloatArray, IntArray

_ROUNDS = 10  # of the refinement of paired poses


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
) -> FloatArray:
    """K pose centroids [K, E] of points [N, E]."""
    return kmeans.fit(
        points, num_poses, seed=seed, restarts=restarts, max_points=max_points, iterations=30
    ).centroids


def fit_mirrored_poses(
    points: FloatArray,
    mirrored: FloatArray,
    num_poses: int,
    *,
    restarts: int,
    seed: int,
    max_points: int,
) -> tuple[FloatArray, IntArray]:
    """Poses that mirroring carries onto one another.

    Clusters of photos and mirror images together are paired, each with the one that its mirror
    images are nearest to (itself, if it is seen from the front), and then refined as in k-means,
    where what one of a pair holds counts, mirrored, for the other too.

    Args:
        points, mirrored: [N, E] of photos and of their mirror images.

    Returns:
        The centroids [K, E], and for each pose the number of its mirror pose [K].
    """
    both = np.concatenate([points, mirrored])
    partners = np.concatenate([mirrored, points])
    centroids = fit_poses(both, num_poses, restarts=restarts, seed=seed, max_points=2 * max_points)
    label, _ = kmeans.assign(both, centroids)
    mirror = _pair(centroids, _means(partners, label, centroids))
    for _ in range(_ROUNDS):
        here = _means(both, label, centroids)
        there = _means(partners, label, centroids)
        centroids = (here + there[mirror]) / 2
        label, _ = kmeans.assign(both, centroids)
    return centroids.astype(np.float32), mirror


def _means(points: FloatArray, label: IntArray, otherwise: FloatArray) -> FloatArray:
    """[K, E] mean of the points of each label; a row of `otherwise` where there is none."""
    counts = np.bincount(label, minlength=len(otherwise))
    total = np.zeros(otherwise.shape)
    np.add.at(total, label, points)
    return np.where(counts[:, None] > 0, total / np.maximum(counts, 1)[:, None], otherwise)


def _pair(centroids: FloatArray, mirrored: FloatArray) -> IntArray:
    """[K] a pairing, each with each or with itself, that joins near ones first."""
    gap = np.linalg.norm(centroids[:, None] - mirrored[None], axis=2)
    gap = gap + gap.T
    pair = np.full(len(gap), -1)
    for k, other in zip(*np.unravel_index(np.argsort(gap, axis=None), gap.shape), strict=True):
        if pair[k] < 0 and pair[other] < 0:
            pair[k], pair[other] = other, k
    return pair


def softness_of(points: FloatArray, centroids: FloatArray) -> float:
    """The squared distance that one unit of softness is worth.

    Half the median gap between a photo's nearest and next centroid, so that a typical photo gives
    its best pose about 0.88 of the weight that it shares between the two.
    """
    _, distance = kmeans.nearest(points, centroids, num_nearest=2)
    return max(0.5 * float(np.median(distance[:, 1] - distance[:, 0])), 1e-9)


def soft_poses(points: FloatArray, centroids: FloatArray, softness: float, topk: int) -> SoftPoses:
    """Assign [N, E] points: softmax of minus the squared distance over `softness`."""
    ids, distance = kmeans.nearest(points, centroids, num_nearest=topk)
    weight = np.exp(-(distance - distance[:, :1]) / softness)
    return SoftPoses(ids, (weight / weight.sum(axis=1, keepdims=True)).astype(np.float32))
