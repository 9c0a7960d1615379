"""The closed curve that photos of a turning object trace, fitted by expectation maximisation.

A photo at azimuth θ, counted from a view that is its own mirror image, has as its mirror image a
photo at −θ. So the even part of its descriptor (mean of photo and mirror image) is a series of
cosines of θ, the odd part (half their difference) a series of sines, and what one body adds to
another is Gaussian noise about that curve. θ is unknown and has a density that is learned too:
photographers favour some sides.

This is the generative topographic mapping (Bishop, Svensén & Williams 1998, "GTM: The Generative
Topographic Mapping", Neural Computation 10) with a circle for its latent space, made symmetric
under mirroring; the noise has a full covariance, so that the directions in which kinds of object
differ count little, however large they are. Its use for poses is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mirage.core.angles import circular_mean
from mirage.core.contracts import FloatArray

_STATIONS = 72  # azimuths at which the curve is held
START_WIDTH = 20.0  # degrees about its first azimuth that a photo counts for at the start
_NOISE_FLOOR = 1e-2  # of the mean variance of a coordinate
_DENSITY_FLOOR = 1e-3  # of an even density
_DENSITY_WIDTH = 13.0  # degrees over which the density is smoothed


def stations(num: int) -> FloatArray:
    """[num] azimuths at equal steps, radians."""
    return np.arange(num) * (2 * np.pi / num)


STATION = stations(_STATIONS)  # radians


@dataclass(frozen=True)
class Curve:
    """A fitted curve.

    Attributes:
        azimuth: [n] degrees in [0, 360), the mean of what each photo may have.
        likelihood: mean log likelihood of a photo, by weight, in nats; compares fits of the same
            photos.
    """

    azimuth: FloatArray
    likelihood: float


def fit_curve(
    even: FloatArray,
    odd: FloatArray,
    start: FloatArray,
    harmonics: Sequence[int],
    rounds: int,
    width: float = START_WIDTH,
    weight: FloatArray | None = None,
) -> Curve:
    """Expectation maximisation from the azimuths `start`.

    Args:
        even, odd: [n, D] and [n, D'] parts of the descriptors, the even one of mean zero.
        start: [n] degrees. width: degrees about it that a photo counts for at first.
        harmonics: multiples of θ in the series, one stage after another.
        rounds: of the two steps, in each stage.
        weight: [n] of mean 1, how much each photo counts; None: all alike.
    """
    weight = np.ones(len(even)) if weight is None else weight
    share = shares_about(start, STATION, width)
    counted = [weight[:, None] * points for points in (even, odd)]
    energy = [points.T @ each for points, each in zip((even, odd), counted, strict=True)]
    for highest_multiple in harmonics:
        bases = series_bases(highest_multiple)
        for _ in range(rounds):
            count = weight @ share
            fitted = [
                fit_series(Statistics(count, (share @ basis).T @ each, own), basis)
                for each, own, basis in zip(counted, energy, bases, strict=True)
            ]
            scores = fitted[0].relative_log_density(even)
            scores += fitted[1].relative_log_density(odd)
            scores += np.log(density_of(count))
            highest = scores.max(axis=1, keepdims=True)
            scores -= highest
            # Most of the time goes here; what 32 bits lose is far below what photos tell.
            share = np.exp(scores.astype(np.float32))
            total = share.sum(axis=1, keepdims=True)
            share /= total
    azimuth = circular_mean(np.rad2deg(STATION), share)
    nats = float((weight[:, None] * (highest + np.log(total))).mean())
    for series, own in zip(fitted, energy, strict=True):
        nats += series.mean_common_log_density(own / len(even))
    return Curve(azimuth, nats)


@dataclass(frozen=True)
class Statistics:
    """All that a series is fitted from; those of two sets of photos add up.

    Attributes:
        count: [S] photos at each station.
        moments: [F, D] sums over photos of each function of their azimuth times their point.
        energy: [D, D] sum of the outer products of the points.
    """

    count: FloatArray
    moments: FloatArray
    energy: FloatArray

    def __add__(self, other: Statistics) -> Statistics:
        return Statistics(
            self.count + other.count, self.moments + other.moments, self.energy + other.energy
        )

    def __sub__(self, other: Statistics) -> Statistics:
        return Statistics(
            self.count - other.count, self.moments - other.moments, self.energy - other.energy
        )


@dataclass(frozen=True)
class Series:
    """A curve in D dimensions, a series of F functions, with the noise of photos about it.

    Attributes:
        basis: [S, F] the functions at S stations. coefficients: [F, D].
        whiten: [D, D] triangular: points → coordinates in which the noise has unit variance.
    """

    basis: FloatArray
    coefficients: FloatArray
    whiten: FloatArray

    @property
    def curve(self) -> FloatArray:
        """[S, D] at the stations."""
        return self.basis @ self.coefficients

    def relative_log_density(self, points: FloatArray) -> FloatArray:
        """[n, S] log density of [n, D] points about each station, but for a constant of each."""
        white = self.coefficients @ self.whiten
        relative: FloatArray = points @ (self.whiten @ white.T) @ self.basis.T
        relative -= 0.5 * ((self.basis @ white) ** 2).sum(axis=1)
        return relative

    def common_log_density(self, points: FloatArray) -> FloatArray:
        """[n] what is left out there."""
        common: FloatArray = -0.5 * ((points @ self.whiten) ** 2).sum(axis=1)
        return common + self._log_scale

    def mean_common_log_density(self, scatter: FloatArray) -> float:
        """The mean over points whose outer products are [D, D] in the mean."""
        return -0.5 * float(((scatter @ self.whiten) * self.whiten).sum()) + self._log_scale

    @property
    def _log_scale(self) -> float:
        return float(np.log(np.diag(self.whiten)).sum())


def fit_series(statistics: Statistics, basis: FloatArray) -> Series:
    """The likeliest series of the functions `basis` [S, F], and the noise about it."""
    count, moments, energy = statistics.count, statistics.moments, statistics.energy
    num = count.sum()
    gram = basis.T @ (count[:, None] * basis)
    coefficients = np.linalg.solve(gram + 1e-5 * num * np.eye(len(gram)), moments)
    cross = moments.T @ coefficients
    noise = (energy - cross - cross.T + coefficients.T @ gram @ coefficients) / num
    noise += _NOISE_FLOOR * np.trace(noise) / len(noise) * np.eye(len(noise))
    return Series(basis, coefficients, np.linalg.inv(np.linalg.cholesky(noise)).T)


def density_of(count: FloatArray) -> FloatArray:
    """[S] share of photos at each station: smooth, and as many to the left as to the right.

    Args:
        count: [S] photos at each station.
    """
    count = count + count[-np.arange(len(count))]
    smooth = _SMOOTHING @ count
    density: FloatArray = smooth / smooth.sum() + _DENSITY_FLOOR / len(count)
    return density / density.sum()


def shares_about(azimuth: FloatArray, station: FloatArray, width: float) -> FloatArray:
    """[n, S] of photos at [n] degrees, at S stations, radians: most within `width` degrees."""
    angle = np.deg2rad(azimuth)
    share = _bump(_unit(angle) @ _unit(station).T, width)
    share /= share.sum(axis=1, keepdims=True)
    return share


def series_bases(harmonics: int) -> tuple[FloatArray, FloatArray]:
    """The cosines [S, harmonics + 1] and sines [S, harmonics] that the two parts are series of."""
    multiples = STATION[:, None] * np.arange(harmonics + 1)
    return np.cos(multiples), np.sin(multiples[:, 1:])


def _bump(cosine: FloatArray, width: float) -> FloatArray:
    """1 at a cosine of 1, of standard deviation about `width` degrees (von Mises)."""
    bump: FloatArray = np.exp(((cosine - 1) / np.deg2rad(width) ** 2).astype(np.float32))
    return bump


def _unit(radians: FloatArray) -> FloatArray:
    """[n] → [n, 2] points of the unit circle."""
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


_SMOOTHING = _bump(_unit(STATION) @ _unit(STATION).T, _DENSITY_WIDTH)  # [S, S]


def even_and_odd(
    descriptors: FloatArray, mirrored: FloatArray, dims: int
) -> tuple[FloatArray, FloatArray]:
    """Principal coordinates [n, dims] of the two parts of [n, D] descriptors, the even centred."""
    even, odd = (descriptors + mirrored) / 2, (descriptors - mirrored) / 2
    return principal_coordinates(even - even.mean(axis=0), dims), principal_coordinates(odd, dims)


def principal_coordinates(points: FloatArray, dims: int) -> FloatArray:
    """[n, D] → [n, dims] along the directions of most energy, most first; nothing is centred."""
    coordinates: FloatArray = points.astype(np.float64) @ principal_axes(points, dims)
    return coordinates


def principal_axes(points: FloatArray, dims: int) -> FloatArray:
    """[D, dims] unit directions of most energy of [n, D] points, most first."""
    points = points.astype(np.float64)
    axes: FloatArray = np.linalg.eigh(points.T @ points)[1][:, ::-1][:, :dims]
    return axes
