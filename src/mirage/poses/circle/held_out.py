"""How well a curve explains photos that it was not fitted to.

What a curve explains of its own photos says little: one that winds through kinds of object follows
them as closely as the true one, and more closely where it is bent to. But photos that it has not
seen lie on the true curve only.
"""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp

from mirage.core.contracts import FloatArray
from mirage.poses.circle.curve import STATION, density_of, fit_series, series_bases, shares_about

_FOLDS = 5
DIMS, _PHOTOS_A_DIM = (
    120,
    5,
)  # coordinates of either part; fewer if there are few photos a coordinate
_HARMONICS = 10
_WIDTH = 5.0  # degrees about its azimuth that a photo counts for


class HeldOutPhotos:
    """Rates azimuths by cross-validation: each fifth of the photos by a curve through the others.

    Args:
        even, odd: [n, ·] principal coordinates of either part of the descriptors, the even one of
            mean zero; the first are used.
        seed: of the draw of the fifths.
    """

    def __init__(self, even: FloatArray, odd: FloatArray, seed: int) -> None:
        dims = min(DIMS, max(len(even) // _PHOTOS_A_DIM, 1))
        self._parts = even[:, :dims], odd[:, :dims]
        self._fold = np.random.default_rng(seed).integers(0, _FOLDS, len(even))

    def gain(self, azimuth: FloatArray) -> float:
        """Nats a photo that the curve explains better than a cloud without one."""
        return float((self.log_density(azimuth) - self.log_density(azimuth, 0)).mean())

    def log_density(self, azimuth: FloatArray, harmonics: int = _HARMONICS) -> FloatArray:
        """[n] nats of each photo, but for a constant, if the others are at [n] degrees.

        Its own azimuth does not count: it may be anywhere on the curve, as photos are.
        """
        bases = series_bases(harmonics)
        share = shares_about(azimuth, STATION, _WIDTH)
        nats = np.empty(len(azimuth))
        for fold in range(_FOLDS):
            seen, unseen = self._fold != fold, self._fold == fold
            scores = np.log(density_of(share[seen]))
            for points, basis in zip(self._parts, bases, strict=True):
                series = fit_series(points[seen], share[seen], basis)
                scores = scores + series.log_density(points[unseen])
            nats[unseen] = logsumexp(scores, axis=1)
        return nats
