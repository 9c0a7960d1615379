"""How fast the azimuth runs along the found circle, told by outlines and not by how photos crowd.

The likeliest curve has the right order of the photos, and no reason to have the right speed: where
many photos were taken, it is stretched. The outline tells the speed. Its figure f (σx²/σy² of the
mask) is the same for a photo and its mirror image, and seen from afar it is the same at θ and
180° − θ, whatever the object. So f(θ) is a sum of cosines of even multiples of θ: mostly of 2θ,
which is all of it for a body through which one sees; corners add some of 4θ and more, and what is
not symmetric about the side view (perspective, a camera above the object) a little of θ and 3θ.

That is a Gaussian process with few features, and the clock θ = s + Σ aₖ sin ks is the warp of its
input that makes what is seen likely (warped inputs: Snoek et al. 2014, arXiv 1402.0929; the use of
symmetry for time is ours). Odd multiples in the clock break the symmetry about the side and are
seen surely; even ones only through f's simple shape. The prior of the clock is a circle that is
timed right: where outlines say nothing (a mug is as deep as it is wide) it stays as it was found,
and the posterior says how far off it may be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from mirage.core.angles import circular_distance
from mirage.core.contracts import FloatArray, check_shape
from mirage.poses.circle.timing import Timing

# Standard deviations of the clock's harmonics before outlines are seen, degrees.
_CLOCK = (20.0, 6.0, 6.0, 2.0)
_MISFIT = 0.15  # of half a figure's range that a station may be off for other reasons
_STATIONS = 24  # of the half circle, at which f is averaged
_FEWEST = 5  # photos of a station
_SLOWEST = 0.15  # of the found speed: the clock keeps the order
_STARTS = (-30.0, -15.0, 0.0, 15.0, 30.0)  # degrees of the first harmonic
_BY_EYE = 5.0  # degrees that a person is off
_KNOTS = 36  # of the half circle, through which the timing is laid


@dataclass(frozen=True)
class _Prior:
    """What a figure f of the outline may be like before it is seen, as standard deviations.

    Attributes:
        corners: of cos 4θ, over cos 2θ, which goes with it.
        even: of cosines of 2, 4, … times θ, over half the range of f.
        odd: of cosines of 1, 3, … times θ, over the mean of f: what the two ends differ by.
        unequal: what else a station may be off by, over the mean of f.
    """

    corners: float
    even: tuple[float, ...]
    odd: tuple[float, ...]
    unequal: float


# By figure of `outline.outline_figures`. Broad over high is simple: the corners are halfway between
# an ellipse (0) and cars (0.2); but height is not the same from the two ends. Bands of rows may
# change in any way on which the two ends agree.
_PRIORS = (
    _Prior(0.12, (1.0, 0.1, 0.05, 0.03), (0.08, 0.05, 0.02), 0.03),
    _Prior(0.0, (1.0, 0.7, 0.4, 0.2), (0.02, 0.02, 0.01), 0.015),
)
_NUM_EVEN, _NUM_ODD = len(_PRIORS[0].even), len(_PRIORS[0].odd)


@dataclass(frozen=True)
class Clock:
    """A posterior of θ = s + Σ aₖ sin ks, of found azimuths s, 0 at the front or the rear.

    Attributes:
        harmonics: [K] degrees, aₖ at the posterior's mode.
        covariance: [K, K] degrees², of the posterior about it (Laplace).
    """

    harmonics: FloatArray
    covariance: FloatArray

    @property
    def timing(self) -> Timing:
        """The clock as a map of the circle."""
        knots = np.linspace(0.0, 180.0, _KNOTS + 1)[1:-1]
        return Timing(
            knots, knots + _sines(np.deg2rad(knots), len(self.harmonics)) @ self.harmonics
        )

    @property
    def uncertainty(self) -> float:
        """Degrees: root mean square over the circle of how far off azimuths may be timed."""
        sines = _sines(np.linspace(0.0, np.pi, 181), len(self.harmonics))
        return float(np.sqrt(np.einsum("sk,kl,sl->s", sines, self.covariance, sines).mean()))

    def given(self, azimuth: npt.ArrayLike) -> Clock:
        """The same clock where it is known at azimuths [n], degrees, as well as a person sees it.

        Only the covariance changes: what is known there, is known better between.
        """
        seen = _sines(np.deg2rad(np.asarray(azimuth, dtype=float)), len(self.harmonics))
        known = np.linalg.inv(self.covariance) + seen.T @ seen / _BY_EYE**2
        return Clock(self.harmonics, np.linalg.inv(known))


def fit_clock(azimuth: FloatArray, outline: FloatArray) -> Clock:
    """The clock of a full circle, from n photos.

    Args:
        azimuth: [n] degrees as found, 0 at a view that is its own mirror image.
        outline: [n, 2] of the same photos (`outline.outline_figures`); NaN is left out.
    """
    check_shape("outline", outline, (len(azimuth), len(_PRIORS)))
    figures = [
        _Figure.of(azimuth, values, prior) for values, prior in zip(outline.T, _PRIORS, strict=True)
    ]
    speeds = np.arange(1, len(_CLOCK) + 1)
    speeds = speeds * np.cos(np.linspace(0.0, np.pi, 61)[:, None] * speeds)

    def cost(harmonics: FloatArray) -> float:
        """Minus the log posterior of harmonics [K], degrees, but for a constant."""
        slow = np.minimum(1.0 + speeds @ np.deg2rad(harmonics) - _SLOWEST, 0.0)
        prior = 0.5 * ((harmonics / _CLOCK) ** 2).sum() + 1e4 * (slow**2).sum()
        return float(prior) - sum(figure.log_likelihood(harmonics) for figure in figures)

    starts = [np.array([start, *[0.0] * (len(_CLOCK) - 1)]) for start in _STARTS]
    best = min((minimize(cost, start) for start in starts), key=lambda fit: float(fit.fun)).x
    return Clock(best, np.linalg.inv(_curvature(cost, best)))


@dataclass(frozen=True)
class _Figure:
    """What is seen of a figure f along the circle, in halves of its range.

    Attributes:
        place: [S] radians. values: [S] of f, less its middle. noise: [S] variances.
        spread: standard deviations of f's features. corners: as in its prior.
    """

    place: FloatArray
    values: FloatArray
    noise: FloatArray
    spread: FloatArray
    corners: float

    @classmethod
    def of(cls, azimuth: FloatArray, values: FloatArray, prior: _Prior) -> _Figure:
        """From [n] photos: medians by station of the half circle, where there are enough."""
        seen = np.isfinite(values)
        folded, values = circular_distance(azimuth[seen], 0.0), values[seen]
        station = np.minimum((folded / 180.0 * _STATIONS).astype(int), _STATIONS - 1)
        rows = []
        for number in range(_STATIONS):
            here = values[station == number]
            if len(here) >= _FEWEST:
                median = np.median(here)
                spread = 1.4826 * np.median(np.abs(here - median))
                error = 1.2533 * spread / np.sqrt(len(here))  # of a median of normal numbers
                rows.append((np.deg2rad(folded[station == number].mean()), median, error))
        place, median, error = np.array(rows).reshape(-1, 3).T
        if not len(rows):
            return cls(place, median, error, np.zeros(0), prior.corners)
        low, high = np.quantile(median, [0.05, 0.95])
        half, centre = max((high - low) / 2, 1e-9), float(np.median(median))
        noise = (error**2 + (prior.unequal * centre) ** 2) / half**2 + _MISFIT**2
        odd = np.array(prior.odd) * abs(centre) / half
        free = 2.0  # the mean of f
        deviations = np.array([*prior.even, *odd, free])
        return cls(place, (median - centre) / half, noise, deviations, prior.corners)

    def log_likelihood(self, harmonics: FloatArray) -> float:
        """Of the clock's harmonics [K], degrees, but for a constant."""
        if not len(self.place):
            return 0.0
        theta = self.place + _sines(self.place, len(harmonics)) @ np.deg2rad(harmonics)
        features = _features(theta, self.corners) * self.spread
        root = np.linalg.cholesky(features @ features.T + np.diag(self.noise))
        white = np.linalg.solve(root, self.values)
        return float(-0.5 * white @ white - np.log(np.diag(root)).sum())


def _features(theta: FloatArray, corners: float) -> FloatArray:
    """[S, ·] features of f at [S] radians: even ones, odd ones, and its mean."""
    even = [np.cos(2 * (j + 1) * theta) for j in range(_NUM_EVEN)]
    even[0] = even[0] + corners * even[1]
    odd = [np.cos((2 * j + 1) * theta) for j in range(_NUM_ODD)]
    return np.stack([*even, *odd, np.ones_like(theta)], axis=1)


def _sines(radians: FloatArray, num: int) -> FloatArray:
    """[S, num] of multiples 1 to num of [S] radians."""
    sines: FloatArray = np.sin(radians[:, None] * np.arange(1, num + 1))
    return sines


def _curvature(cost: Callable[[FloatArray], float], at: FloatArray) -> FloatArray:
    """[K, K] second derivatives by differences of a degree, made no flatter than the prior."""
    num, step = len(at), np.eye(len(at))
    second = np.empty((num, num))
    for i in range(num):
        for j in range(num):
            ends = [cost(at + a * step[i] + b * step[j]) for a in (1, -1) for b in (1, -1)]
            second[i, j] = (ends[0] - ends[1] - ends[2] + ends[3]) / 4
    prior = np.diag(1 / np.square(_CLOCK))
    values, vectors = np.linalg.eigh((second + second.T) / 2 - prior)
    return prior + (vectors * np.maximum(values, 0.0)) @ vectors.T
