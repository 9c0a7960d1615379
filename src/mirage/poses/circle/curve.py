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
    for highest_multiple in harmonics:
        cosines, sines = series_bases(highest_multiple)
        for _ in range(rounds):
            counted = weight[:, None] * share
            scores = np.log(density_of(counted))
            for points, basis in ((even, cosines), (odd, sines)):
                scores = scores + fit_series(points, counted, basis).log_density(points)
            highest = scores.max(axis=1, keepdims=True)
            share = np.exp(scores - highest)
            total = share.sum(axis=1, keepdims=True)
            share /= total
    azimuth = circular_mean(np.rad2deg(STATION), share)
    return Curve(azimuth, float((weight[:, None] * (highest + np.log(total))).mean()))


@dataclass(frozen=True)
class Series:
    """A curve in D dimensions with the noise of photos about it.

    Attributes:
        curve: [S, D] at S stations. root: [D, D] Cholesky factor of the noise's covariance.
    """

    curve: FloatArray
    root: FloatArray

    def log_density(self, points: FloatArray) -> FloatArray:
        """[n, S] log density of [n, D] points about each station, but for a constant."""
        whiten = np.linalg.inv(self.root).T
        white, centre = points @ whiten, self.curve @ whiten
        distance = (white**2).sum(1)[:, None] + (centre**2).sum(1) - 2 * white @ centre.T
        return -0.5 * distance - np.log(np.diag(self.root)).sum()


def fit_series(points: FloatArray, share: FloatArray, basis: FloatArray) -> Series:
    """The curve through [n, D] points that are at S stations by [n, S] shares.

    Args:
        share: its rows add up to the weight of each photo, and those to n.
        basis: [S, ·] the functions of azimuth that the curve is made of.
    """
    count, weight = share.sum(axis=0), share.sum(axis=1)
    mean = share.T @ points  # of the photos at each station, times their count
    gram = basis.T @ (count[:, None] * basis)
    gram += 1e-5 * len(points) * np.eye(len(gram))
    curve = basis @ np.linalg.solve(gram, basis.T @ mean)
    cross = mean.T @ curve
    energy = points.T @ (weight[:, None] * points)
    noise = energy - cross - cross.T + curve.T @ (count[:, None] * curve)
    noise = noise / len(points)
    noise += _NOISE_FLOOR * np.trace(noise) / len(noise) * np.eye(len(noise))
    return Series(curve, np.linalg.cholesky(noise))


def density_of(share: FloatArray) -> FloatArray:
    """[S] share of photos at each station: smooth, and as many to the left as to the right."""
    num = share.shape[1]
    station = stations(num)
    count = share.sum(axis=0)
    count = count + count[-np.arange(num)]
    smooth = kernel(station[:, None] - station, _DENSITY_WIDTH) @ count
    density: FloatArray = smooth / smooth.sum() + _DENSITY_FLOOR / num
    return density / density.sum()


def shares_about(azimuth: FloatArray, station: FloatArray, width: float) -> FloatArray:
    """[n, S] of photos at [n] degrees, at S stations, radians: most within `width` degrees."""
    share = kernel(np.deg2rad(azimuth)[:, None] - station, width)
    share /= share.sum(axis=1, keepdims=True)
    return share


def series_bases(harmonics: int) -> tuple[FloatArray, FloatArray]:
    """The cosines [S, harmonics + 1] and sines [S, harmonics] that the two parts are series of."""
    multiples = STATION[:, None] * np.arange(harmonics + 1)
    return np.cos(multiples), np.sin(multiples[:, 1:])


def kernel(radians: FloatArray, width: float) -> FloatArray:
    """A bump of standard deviation about `width` degrees (von Mises), 1 at its top."""
    bump: FloatArray = np.exp((np.cos(radians) - 1) / np.deg2rad(width) ** 2)
    return bump


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
