"""The azimuth of a photo, read from its descriptor by the curve that photos lie on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np

from mirage.circle import circular_distance, circular_mean, retime, wrap
from mirage.contracts import FloatArray, check_shape
from mirage.poses.curve import density_of, fit_series, kernel, principal_axes, stations

_STATIONS = 180  # azimuths at which a reading weighs the curve
_HARMONICS = 10
_DIMS = 100  # principal coordinates of the descriptor that are read
_WIDTH = 5.0  # degrees about its azimuth that a photo counts for in the fit
_TRUST = 15.0  # degrees about a reading that count as agreeing with it
_BINS = 24  # of azimuth, by which one curve is timed as another
ARC = 300.0  # degrees that an arc is spread over: its ends must not look like neighbours


@dataclass(frozen=True)
class CurveReader:
    """The closed curve of photos in the space of descriptors, whitened by the noise about it.

    Attributes:
        mean: [D] of the descriptors.
        whiten: [D, d] descriptor → coordinates in which the noise has unit variance.
        curve: [S, d] at S azimuths in equal steps from 0.
        log_density: [S] of photos there.
        azimuth: [S] degrees in [0, 360) that the stations are reported as.
    """

    mean: FloatArray
    whiten: FloatArray
    curve: FloatArray
    log_density: FloatArray
    azimuth: FloatArray

    def __post_init__(self) -> None:
        check_shape("whiten", self.whiten, (len(self.mean), self.curve.shape[1]))
        check_shape("log_density", self.log_density, (len(self.curve),))
        check_shape("azimuth", self.azimuth, (len(self.curve),))

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
        return replace(self, azimuth=_exact(offset + direction * self.azimuth))

    def retimed(self, timing: Callable[[FloatArray], FloatArray]) -> CurveReader:
        """The same curve, whose azimuths run as `timing` has them."""
        return replace(self, azimuth=_exact(timing(self.azimuth)))

    def timed_as(self, reading: FloatArray, descriptors: FloatArray) -> CurveReader:
        """The same curve, timed as another is that reads [n] degrees in [n, D] photos.

        What is left between them is photos that they put elsewhere.
        """
        own = self.azimuths(descriptors)
        return self.retimed(lambda azimuth: retime(own, reading, _BINS, azimuth))

    def opened(self, low: float, high: float) -> CurveReader:
        """The same curve as an arc: photos from `low` to `high` degrees are reported as 0 to 300.

        How far an arc really goes is not known; that its ends do not meet is.
        """
        along = wrap(self.azimuth - low) / (high - low)
        beyond = (along - 1.0) / max(360.0 / (high - low) - 1.0, 1e-6)
        arc = np.where(along <= 1.0, ARC * along, ARC + (360.0 - ARC) * beyond)
        return replace(self, azimuth=_exact(arc))


def _exact(degrees: FloatArray) -> FloatArray:
    """[S] in [0, 360), as they are in a file."""
    return wrap(degrees).astype(np.float32)


@dataclass(frozen=True)
class CircleReader:
    """Curves found independently of one another: the first reads, the others tell how sure it is.

    Attributes:
        members: at least one; all report azimuths on the same ring.
    """

    members: tuple[CurveReader, ...]

    def azimuths(self, descriptors: FloatArray) -> FloatArray:
        """[N, D] → [N] degrees in [0, 360)."""
        return self.members[0].azimuths(descriptors)

    def confidence(self, descriptors: FloatArray) -> FloatArray:
        """[N, D] → [N] in [0, 1]: that the photo is within 15° of its reading.

        One curve alone is sure of nearly every photo, right or wrong; where another discovery puts
        the photo elsewhere, what was found cannot be known from the photos. So what the reading
        curve gives to those 15° is multiplied by what the others give to them on average.
        """
        reading = self.azimuths(descriptors)
        first, *others = (self._share_near(reading, m, descriptors) for m in self.members)
        return (first * np.mean(others, axis=0) if others else first).astype(np.float32)

    def half_width(self, descriptors: FloatArray, share: float) -> FloatArray:
        """[N, D] → [N] degrees about the reading that hold `share` of what all curves say."""
        reading = self.azimuths(descriptors)[:, None]
        distance = np.concatenate([circular_distance(m.azimuth, reading) for m in self.members], 1)
        chance = np.concatenate([m.posterior(descriptors) for m in self.members], axis=1)
        order = np.argsort(distance, axis=1)
        held = np.take_along_axis(chance, order, axis=1).cumsum(axis=1) / len(self.members)
        last = (held < share).sum(axis=1).clip(max=distance.shape[1] - 1)[:, None]
        width = np.take_along_axis(distance, np.take_along_axis(order, last, axis=1), axis=1)
        return width[:, 0].astype(np.float32)

    @staticmethod
    def _share_near(
        reading: FloatArray, member: CurveReader, descriptors: FloatArray
    ) -> FloatArray:
        near = circular_distance(member.azimuth, reading[:, None]) <= _TRUST
        share: FloatArray = (member.posterior(descriptors) * near).sum(axis=1)
        return np.minimum(share, 1.0)  # sums of shares round to a little above it

    def strangeness(self, descriptors: FloatArray) -> FloatArray:
        """[N, D] → [N] squared distance to the curve, in variances of the noise."""
        return self.members[0].distances(descriptors).min(axis=1)

    def reoriented(self, offset: float, direction: int) -> CircleReader:
        """The same curves with azimuth a at offset + direction · a."""
        return CircleReader(tuple(m.reoriented(offset, direction) for m in self.members))

    def retimed(self, timing: Callable[[FloatArray], FloatArray]) -> CircleReader:
        """The same curves, whose azimuths run as `timing` has them."""
        return CircleReader(tuple(m.retimed(timing) for m in self.members))

    def opened(self, low: float, high: float) -> CircleReader:
        """The same curves as an arc: see `CurveReader.opened`."""
        return CircleReader(tuple(m.opened(low, high) for m in self.members))

    def arrays(self) -> dict[str, FloatArray]:
        """What `from_arrays` restores it from: [members, …] each."""
        names = [field.name for field in fields(CurveReader)]
        return {name: np.stack([getattr(m, name) for m in self.members]) for name in names}

    @classmethod
    def from_arrays(cls, arrays: dict[str, FloatArray]) -> CircleReader:
        """The reader that `arrays` came from."""
        num = len(next(iter(arrays.values())))
        return cls(
            tuple(CurveReader(**{name: a[i] for name, a in arrays.items()}) for i in range(num))
        )


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
        azimuth=_exact(np.rad2deg(station)),
    )
