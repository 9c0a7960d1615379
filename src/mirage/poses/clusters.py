"""Vectors to poses: k-means with restarts, and how sure each label is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mirage.core.contracts import FloatArray, IntArray
from mirage.features import kmeans

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


def pair_mirrored(points: FloatArray, mirrored: FloatArray, centroids: FloatArray) -> IntArray:
    """[K] the pose that most mirror images of a pose's photos have.

    Args:
        points, mirrored: [N, E] of photos and of their mirror images.
    """
    here, there = (kmeans.assign(each, centroids)[0] for each in (points, mirrored))
    shared = np.zeros((len(centroids), len(centroids)))
    np.add.at(shared, (here, there), 1.0)
    return (shared + shared.T).argmax(axis=1)  # a mirror image's mirror image is the photo


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

    Of photos and mirror images, those on one side of the circle are looked at. What lies within
    half an even step of its ends becomes poses that are their own mirror images (for an odd number,
    that at 0 alone); the rest is clustered, and each cluster becomes two poses, itself and its
    mirror image. All are then refined as in k-means, where what one of a pair holds counts,
    mirrored, for the other too. Photos go to poses by azimuth alone: many fronts have an azimuth of
    exactly 0, and two or three poses there would divide them among kinds of object.

    Args:
        points, mirrored: [N, E] of photos and of their mirror images; the last two coordinates are
            proportional to (cos, sin) of an azimuth that mirroring negates.

    Returns:
        The centroids [K, E], and for each pose the number of its mirror pose [K].
    """
    upper = points[:, -1:] >= mirrored[:, -1:]
    near, far = np.where(upper, points, mirrored), np.where(upper, mirrored, points)
    ends = [0.0] if num_poses % 2 else [0.0, np.pi]
    plane = np.stack([near[:, -2], np.abs(near[:, -1])], axis=1)  # both may be read below the axis
    angle = np.arctan2(plane[:, 1], plane[:, 0])
    label = np.full(len(near), len(ends))
    for end, place in enumerate(ends):
        label[np.abs(angle - place) < np.pi / num_poses] = end
    rest = np.flatnonzero(label == len(ends))
    arcs = fit_poses(
        plane[rest],
        (num_poses - len(ends)) // 2,
        restarts=restarts,
        seed=seed,
        max_points=max_points,
    )
    label[rest] += kmeans.assign(plane[rest], arcs)[0]
    axis = np.array([[np.cos(place), np.sin(place)] for place in ends])
    nothing = np.zeros((len(ends) + len(arcs), near.shape[1]))
    nothing[: len(ends), -2:] = np.linalg.norm(plane, axis=1).mean() * axis
    seeds, images = (_means(part, label, nothing) for part in (near, far))
    single, double = slice(len(ends)), slice(len(ends), None)
    centroids = np.concatenate(
        [(seeds[single] + images[single]) / 2, seeds[double], images[double]]
    )
    ones, pairs = np.arange(len(ends)), np.arange(len(arcs)) + len(ends)
    mirror = np.concatenate([ones, pairs + len(arcs), pairs])
    both, partners = np.concatenate([points, mirrored]), np.concatenate([mirrored, points])
    for _ in range(_ROUNDS):
        label, _ = kmeans.assign(both[:, -2:], centroids[:, -2:])
        here, there = _means(both, label, centroids), _means(partners, label, centroids[mirror])
        # Where photo and mirror image are read on one side, neither is at minus the other.
        there[:, -2:] = here[:, -2:] * (1.0, -1.0)
        centroids = (here + there[mirror]) / 2
    return centroids.astype(np.float32), mirror


def _means(points: FloatArray, label: IntArray, otherwise: FloatArray) -> FloatArray:
    """[K, E] mean of the points of each label; a row of `otherwise` where there is none."""
    counts = np.bincount(label, minlength=len(otherwise))
    total = np.zeros(otherwise.shape)
    np.add.at(total, label, points)
    return np.where(counts[:, None] > 0, total / np.maximum(counts, 1)[:, None], otherwise)


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
