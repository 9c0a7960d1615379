"""The azimuth of a photo, read from its descriptor by the curve that photos lie on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mirage.circle import circular_mean, wrap
from mirage.contracts import FloatArray, check_shape
from mirage.poses.curve import density_of, fit_series, kernel, principal_axes, stations

_STATIONS = 180  # azimuths at which a reading weighs the curve
_HARMONICS = 10
_DIMS = 100  # principal coordinates of the descriptor that are read
_WIDTH = 5.0  # degrees about its azimuth that a photo counts for in the fit


@dataclass(frozen=True)
class CurveReader:
    """The closed curve of photos in the space of descriptors, whitened by the noise about it.

    Attributes:
        mean: [D] of the descriptors.
        whiten: [D, d] descriptor → coordinates in which the noise has unit variance.
        curve: [S, d] at S azimuths in equal steps from 0.
        log_density: [S] of photos there.
        turn: (offset, direction): a reading a is reported as offset + direction · a, degrees.
    """

    mean: FloatArray
    whiten: FloatArray
    curve: FloatArray
    log_density: FloatArray
    turn: FloatArray

    def __post_init__(self) -> None:
        check_shape("whiten", self.whiten, (len(self.mean), self.curve.shape[1]))
        check_shape("log_density", self.log_density, (len(self.curve),))
        check_shape("turn", self.turn, (2,))

    @property
    def azimuth(self) -> FloatArray:
        """[S] degrees in [0, 360) of the stations."""
        offset, direction = self.turn
        return wrap(offset + direction * np.rad2deg(stations(len(self.curve))))

    def distances(self, descriptors: FloatArray) -> FloatArray:
        """[N, D] → [N, S] squared distances to the curve, in variances of the noise."""
        white = (descriptors - self.mean) @ self.whiten
        squared = (white**2).sum(axis=1)[:, None] + (self.curve**2).sum(axis=1)
        gap: FloatArray = squared - 2 * white @ self.curve.T
        return np.maximum(gap, 0.0)

    def posterior(self, descriptors: FloatArray) -> FloatArray:
        """[N, D] → [N, S] probability of each station."""
        scores = self.log_density - 0.5 * self.distances(descriptors)
        share = np.exp(scores - scores.max(axis=1, keepdims=True))
        share /= share.sum(axis=1, keepdims=True)
        return share

    def azimuths(self, descriptors: FloatArray) -> FloatArray:
        """[N, D] → [N] degrees in [0, 360)."""
        return circular_mean(self.azimuth, self.posterior(descriptors)).astype(np.float32)

    def reoriented(self, offset: float, direction: int) -> CurveReader:
        """The same curve with azimuth a at offset + direction · a."""
        turn = np.array([offset + direction * self.turn[0], direction * self.turn[1]], np.float32)
        return replace(self, turn=turn)

    def arrays(self) -> dict[str, FloatArray]:
        """What `CurveReader(**arrays)` restores it from."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def fit_reader(descriptors: FloatArray, mirrored: FloatArray, azimuth: FloatArray) -> CurveReader:
    """The reader of [n, D] photos at `azimuth` [n] degrees, whose mirror images are at −azimuth."""
    mean = (descriptors.mean(axis=0) + mirrored.mean(axis=0)) / 2
    both = np.concatenate([descriptors - mean, mirrored - mean]).astype(np.float64)
    axes = principal_axes(both, _DIMS)
    station = stations(_STATIONS)
    angle = np.deg2rad(np.concatenate([azimuth, -azimuth]))
    share = kernel(angle[:, None] - station, _WIDTH)
    share /= share.sum(axis=1, keepdims=True)
    multiples = station[:, None] * np.arange(_HARMONICS + 1)
    basis = np.concatenate([np.cos(multiples), np.sin(multiples[:, 1:])], axis=1)
    series = fit_series(both @ axes, share, basis)
    whiten = axes @ np.linalg.inv(series.root).T
    curve = np.linalg.solve(series.root, series.curve.T).T
    return CurveReader(
        mean=mean.astype(np.float32),
        whiten=whiten.astype(np.float32),
        curve=curve.astype(np.float32),
        log_density=np.log(density_of(share)).astype(np.float32),
        turn=np.array([0.0, 1.0], np.float32),
    )
