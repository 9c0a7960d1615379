"""How well a curve explains photos that it was not fitted to.

What a curve explains of its own photos says little: one that winds through kinds of object follows
them as closely as the true one, and more closely where it is bent to. But photos that it has not
seen lie on the true curve only.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add

import numpy as np
from scipy.special import logsumexp

from mirage.core.contracts import FloatArray, IntArray
from mirage.poses.circle.curve import (
    STATION,
    Statistics,
    density_of,
    fit_series,
    series_bases,
    shares_about,
)

_FOLDS = 5
DIMS = 120  # coordinates of either part, at most
_PHOTOS_A_DIM = 5  # at least
HARMONICS, WIDTH = 10, 5.0  # of a curve by which photos are rated


class HeldOutPhotos:
    """Rates azimuths by cross-validation: each fifth of the photos by a curve through the others.

    Args:
        even, odd: [n, ·] principal coordinates of either part of the descriptors, the even one of
            mean zero; the first are used.
        seed: of the draw of the fifths.
    """

    def __init__(self, even: FloatArray, odd: FloatArray, seed: int) -> None:
        dims = min(DIMS, max(len(even) // _PHOTOS_A_DIM, 1))
        fold = np.random.default_rng(seed).integers(0, _FOLDS, len(even))
        self._folds = [np.flatnonzero(fold == index) for index in range(_FOLDS)]
        self._parts = [_Part(points[:, :dims], self._folds) for points in (even, odd)]

    def gain(self, azimuth: FloatArray) -> float:
        """Nats a photo that the curve explains better than a cloud without one."""
        return float((self.log_density(azimuth) - self.log_density(azimuth, 0)).mean())

    def log_density(
        self, azimuth: FloatArray, harmonics: int = HARMONICS, width: float = WIDTH
    ) -> FloatArray:
        """[n] nats of each photo, but for a constant, if the others are at [n] degrees.

        Its own azimuth does not count: it may be anywhere on the curve, as photos are.

        Args:
            width: degrees about its azimuth that a photo counts for.
        """
        share = shares_about(azimuth, STATION, width)
        count, scores = share.sum(axis=0), np.empty_like(share)
        for rows in self._folds:
            scores[rows] = np.log(density_of(count - share[rows].sum(axis=0)))
        for part, basis in zip(self._parts, series_bases(harmonics), strict=True):
            scores += part.log_density(share, basis)
        nats: FloatArray = logsumexp(scores, axis=1)
        return nats


class _Part:
    """One part of the photos' descriptors, [n, D], in folds of the rows."""

    def __init__(self, points: FloatArray, folds: Sequence[IntArray]) -> None:
        self._folds, self._points = folds, [points[rows] for rows in folds]
        self._energy = [each.T @ each for each in self._points]

    def log_density(self, share: FloatArray, basis: FloatArray) -> FloatArray:
        """[n, S] of each fold, by the series fitted to the others, that are there by `share`."""
        within = [
            Statistics(share[rows].sum(axis=0), (share[rows] @ basis).T @ points, energy)
            for rows, points, energy in zip(self._folds, self._points, self._energy, strict=True)
        ]
        everything = reduce(add, within)
        nats = np.empty_like(share)
        for rows, points, own in zip(self._folds, self._points, within, strict=True):
            series = fit_series(everything - own, basis)
            common = series.common_log_density(points)
            nats[rows] = series.relative_log_density(points) + common[:, None]
        return nats
