"""Which photos are on the wrong half of the circle: a second look, by what is not one curve.

The curve's noise is one Gaussian, so a kind of object whose rear looks like the front of most is
read from the wrong end, and the curve is then fitted to it there. A kernel regression has no one
shape for all kinds: it takes a photo for what those are taken for that look like it. The others are
right mostly, so it can tell where one is wrong; each photo by a regression that has not seen it, as
labels are cleaned elsewhere (confident learning, Northcutt, Jiang & Chuang 2021).
"""

from __future__ import annotations

import numpy as np

from mirage.core.angles import circular_distance, wrap
from mirage.core.contracts import FloatArray, IntArray

_FOLDS = 5
_CENTRES = 1000  # photos and mirror images that the regression is a sum about, at most
_RIDGE = 1e-4  # penalty, over the number of photos
_SURE = 0.3  # length of the direction that it tells, of 1
_OPPOSITE = 90.0  # degrees off, beyond which a photo is moved


def look_again(
    photos: FloatArray, mirrored: FloatArray, azimuth: FloatArray, seed: int
) -> FloatArray:
    """[n] degrees: those of the photos, but where others put one on the other half of the circle.

    Args:
        photos, mirrored: [n, d] of photos and of their mirror images, whitened by the noise about
            the curve.
        azimuth: [n] degrees, 0 at a view that is its own mirror image.
    """
    points = np.concatenate([photos, mirrored]).astype(np.float32)
    angle = np.deg2rad(np.concatenate([azimuth, -azimuth]))
    direction = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    random = np.random.default_rng(seed)
    fold = np.tile(random.integers(0, _FOLDS, len(azimuth)), 2)
    told = np.zeros_like(direction)
    for index in range(_FOLDS):
        seen, unseen = np.flatnonzero(fold != index), np.flatnonzero(fold == index)
        if len(seen) and len(unseen):
            centres = random.permutation(seen)[:_CENTRES]
            told[unseen] = _regress(points, direction, seen, centres, unseen)
    own, other = np.split(told, 2)
    mean = (own + other * [1.0, -1.0]) / 2
    there = wrap(np.rad2deg(np.arctan2(mean[:, 1], mean[:, 0])))
    is_wrong = (circular_distance(there, azimuth) > _OPPOSITE) & (
        np.linalg.norm(mean, axis=1) > _SURE
    )
    return np.where(is_wrong, there, azimuth)


def _regress(
    points: FloatArray, target: FloatArray, seen: IntArray, centres: IntArray, unseen: IntArray
) -> FloatArray:
    """[m, 2] of the points unseen, by ridge regression on Gaussians about some of those seen."""
    length = (points**2).sum(axis=1)
    width = 2 * float(np.median(length)) + 1e-12

    def kernel(rows: IntArray) -> FloatArray:
        gap = length[rows][:, None] + length[centres] - 2 * points[rows] @ points[centres].T
        return np.asarray(np.exp(-gap / width))

    known = kernel(seen)
    gram = known.T @ known + _RIDGE * len(seen) * kernel(centres) + 1e-3 * np.eye(len(centres))
    weights = np.linalg.solve(gram.astype(np.float64), known.T @ target[seen])
    return np.asarray(kernel(unseen) @ weights)
