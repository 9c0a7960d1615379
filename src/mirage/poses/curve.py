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

from dataclasses import dataclass

import numpy as np

from mirage.contracts import FloatArray

_STATIONS = 72  # azimuths at which the curve is held
_START_WIDTH = 20.0  # degrees about its first azimuth that a photo counts for at the start
_NOISE_FLOOR = 1e-2  # of the mean variance of a coordinate
_DENSITY_FLOOR = 1e-3  # of an even density
_DENSITY_WIDTH = 13.0  # degrees over which the density is smoothed
_STATION = np.arange(_STATIONS) * (2 * np.pi / _STATIONS)


@dataclass(frozen=True)
class Curve:
    """A fitted curve.

    Attributes:
        azimuth: [n] degrees in [0, 360), the mean of what each photo may have.
        likelihood: mean log likelihood of a photo, in nats; compares fits of the same photos.
    """

    azimuth: FloatArray
    likelihood: float


def fit_curve(
    even: FloatArray, odd: FloatArray, start: FloatArray, harmonics: int, rounds: int
) -> Curve:
    """Expectation maximisation from the azimuths `start`.

    Args:
        even, odd: [n, D] and [n, D'] parts of the descriptors, the even one of mean zero.
        start: [n] degrees. harmonics: multiples of θ in the series. rounds: of the two steps.
    """
    frequency = np.arange(harmonics + 1)
    cosines, sines = np.cos(_STATION[:, None] * frequency), np.sin(_STATION[:, None] * frequency)
    share = _kernel(np.deg2rad(start)[:, None] - _STATION, _START_WIDTH)
    share /= share.sum(axis=1, keepdims=True)
    for _ in range(rounds):
        scores = _log_density(share)
        scores = scores + _log_noise(even, share, cosines) + _log_noise(odd, share, sines[:, 1:])
        highest = scores.max(axis=1, keepdims=True)
        share = np.exp(scores - highest)
        total = share.sum(axis=1, keepdims=True)
        share /= total
    azimuth = np.rad2deg(np.angle(share @ np.exp(1j * _STATION))) % 360.0
    return Curve(azimuth, float((highest + np.log(total)).mean()))


def principal_coordinates(points: FloatArray, dims: int) -> FloatArray:
    """[n, D] → [n, dims] along the directions of most energy, most first; nothing is centred."""
    points = points.astype(np.float64)
    _, vectors = np.linalg.eigh(points.T @ points)
    coordinates: FloatArray = points @ vectors[:, ::-1][:, :dims]
    return coordinates


def _log_noise(points: FloatArray, share: FloatArray, basis: FloatArray) -> FloatArray:
    """[n, stations] log density of each photo's `points` about the curve refitted to all.

    Args:
        share: [n, stations] how far each photo belongs to each station. basis: [stations, ·].
    """
    count = share.sum(axis=0)
    mean = share.T @ points  # of the photos at each station, times their count
    gram = basis.T @ (count[:, None] * basis)
    gram += 1e-5 * len(points) * np.eye(len(gram))
    curve = basis @ np.linalg.solve(gram, basis.T @ mean)
    cross = mean.T @ curve
    noise = points.T @ points - cross - cross.T + curve.T @ (count[:, None] * curve)
    noise = noise / len(points)
    noise += _NOISE_FLOOR * np.trace(noise) / len(noise) * np.eye(len(noise))
    root = np.linalg.cholesky(noise)
    white, centre = np.linalg.solve(root, points.T).T, np.linalg.solve(root, curve.T).T
    distance = (white**2).sum(axis=1)[:, None] + (centre**2).sum(axis=1) - 2 * white @ centre.T
    return -0.5 * distance - np.log(np.diag(root)).sum()


def _log_density(share: FloatArray) -> FloatArray:
    """[stations] log share of photos there: smooth, and as many to the left as to the right."""
    count = share.sum(axis=0)
    count = count + count[-np.arange(_STATIONS)]
    smooth = _kernel(_STATION[:, None] - _STATION, _DENSITY_WIDTH) @ count
    density = smooth / smooth.sum() + _DENSITY_FLOOR / _STATIONS
    return np.log(density / density.sum())


def _kernel(radians: FloatArray, width: float) -> FloatArray:
    """A bump of standard deviation about `width` degrees (von Mises), 1 at its top."""
    return np.exp((np.cos(radians) - 1) / np.deg2rad(width) ** 2)
