"""The azimuth of a photo, read from its descriptor by the curve that photos lie on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from scipy.special import softmax

from mirage.core.angles import circular_distance, circular_mean, retime, wrap
from mirage.core.contracts import FloatArray, check_shape
from mirage.poses.circle.curve import Statistics, fit_series, principal_axes, shares_about, stations

_STATIONS = 180  # azimuths at which a reading weighs the curve
_HARMONICS = 10
_DIMS = 256  # principal coordinates of the descriptor that are read, at most
_WIDTH = 2.0  # degrees about its azimuth that a photo counts for in the fit
_TRUST = 15.0  # degrees about a reading that count as agreeing with it
_INDEPENDENT = 28.0  # coordinates of a descriptor that count as independent, to tell how sure it is
_COMMON = stations(_STATIONS) * 180.0 / np.pi  # degrees at which all curves of a circle are heard
_BINS = 24  # of azimuth, by which one curve is timed as another
ARC = 300.0  # degrees that an arc is spread over: its ends must not look like neighbours


@dataclass(frozen=True)
class CurveReader:
    """The closed curve of photos in the space of descriptors, whitened by the noise about it.

    Attributes:
        mean: [D] of the descriptors.
        whiten: [D, d] descriptor → coordinates in which the noise has unit variance.
        curve: [S, d] at S azimuths in equal steps from 0.
        azimuth: [S] degrees in [0, 360) that the stations are reported as.
    """

    mean: FloatArray
    whiten: FloatArray
    curve: FloatArray
    azimuth: FloatArray

    def __post_init__(self) -> None:
        check_shape("whiten", self.whiten, (len(self.mean), self.curve.shape[1]))
        check_shape("azimuth", self.azimuth, (len(self.curve),))

    def whitened(self, descriptors: FloatArray) -> FloatArray:
        """[N, D] → [N, d] coordinates in which the noise has unit variance."""
        return (descriptors - self.mean) @ self.whiten

    def distances(self, descriptors: FloatArray) -> FloatArray:
        """[N, D] → [N, S] squared distances to the curve, in variances of the noise."""
        white = self.whitened(descriptors)
        squared = (white**2).sum(axis=1)[:, None] + (self.curve**2).sum(axis=1)
        gap: FloatArray = squared - 2 * white @ self.curve.T
        return np.maximum(gap, 0.0)

    def log_likelihood(self, descriptors: FloatArray) -> FloatArray:
        """[N, D] → [N, S] nats of each photo at each station, but for a constant.

        How many photos of the set were taken from there is left out: others are taken elsewhere.
        """
        return -0.5 * self.distances(descriptors)

    def azimuths(self, descriptors: FloatArray) -> FloatArray:
        """[N, D] → [N] degrees in [0, 360)."""
        chance = softmax(self.log_likelihood(descriptors), axis=1)
        return circular_mean(self.azimuth, chance).astype(np.float32)

    def at(self, azimuth: FloatArray) -> CurveReader:
        """The same curve with stations at these azimuths [S'], degrees."""
        order = np.argsort(self.azimuth)
        known = self.azimuth[order].astype(np.float64)
        before = np.searchsorted(known, azimuth, side="right") - 1
        after = (before + 1) % len(known)
        share = wrap(azimuth - known[before]) / np.maximum(wrap(known[after] - known[before]), 1e-9)
        curve = self.curve[order]
        curve = curve[before] + share[:, None] * (curve[after] - curve[before])
        return replace(self, curve=curve.astype(np.float32), azimuth=_exact(azimuth))

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

    def after(self, transform: FloatArray) -> CurveReader:
        """The same curve for descriptors that a projection [D, D] was not yet applied to."""
        return replace(self, whiten=(transform @ self.whiten).astype(np.float32))

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
    """Curves found independently of one another: together they read, and tell how sure that is.

    Photos of a full circle are read better with their mirror images, whose azimuths are the
    opposite ones: what two pictures of one object from one side say is added up.

    Attributes:
        members: at least one, which agree on most photos and read them together.
        dissenters: others that explain photos as well and put many elsewhere: one of them may be
            right, so they count in how sure a reading is, and one that is wrong spoils none.

    All report azimuths on the same ring.
    """

    members: tuple[CurveReader, ...]
    dissenters: tuple[CurveReader, ...] = ()

    def azimuths(self, descriptors: FloatArray, mirrored: FloatArray | None = None) -> FloatArray:
        """[N, D] → [N] degrees in [0, 360), by the mean log likelihood of the members."""
        together = _log_likelihoods(self.members, self.axis, descriptors, mirrored).mean(axis=0)
        return circular_mean(_COMMON, softmax(together, axis=1)).astype(np.float32)

    def confidence(self, descriptors: FloatArray, mirrored: FloatArray | None = None) -> FloatArray:
        """[N, D] → [N] in [0, 1]: the chance that the photo is within 15° of its reading."""
        near = circular_distance(_COMMON, self.azimuths(descriptors, mirrored)[:, None]) <= _TRUST
        share = (self._chances(descriptors, mirrored) * near).sum(axis=1)
        return np.minimum(share, 1.0).astype(np.float32)  # rounding may lead a little above it

    def half_width(
        self, descriptors: FloatArray, share: float, mirrored: FloatArray | None = None
    ) -> FloatArray:
        """[N, D] → [N] degrees about the reading that hold `share` of what all curves say."""
        distance = circular_distance(_COMMON, self.azimuths(descriptors, mirrored)[:, None])
        order = np.argsort(distance, axis=1)
        chances = self._chances(descriptors, mirrored)
        held = np.take_along_axis(chances, order, axis=1).cumsum(axis=1)
        last = (held < share).sum(axis=1).clip(max=distance.shape[1] - 1)[:, None]
        width = np.take_along_axis(distance, np.take_along_axis(order, last, axis=1), axis=1)
        return width[:, 0].astype(np.float32)

    @property
    def axis(self) -> float:
        """Degrees of a view that is its own mirror image; of a full circle."""
        return float(self.members[0].azimuth[0])

    def _chances(self, descriptors: FloatArray, mirrored: FloatArray | None) -> FloatArray:
        """[N, D] → [N, S] of common azimuths: the mean of what the curves believe.

        A curve alone is sure of nearly every photo, right or wrong: its noise is that of photos
        on it, of many coordinates that are not independent. So it counts as that of a few, and of
        fewer still for a photo that is farther from the curve than the noise explains. Where the
        curves of several discoveries differ, none is believed.
        """
        curves = self.members + self.dissenters
        nats = _log_likelihoods(curves, self.axis, descriptors, mirrored)
        dims = self.members[0].whiten.shape[1]
        nearest = -2 * nats.max(axis=2, keepdims=True)  # squared distance: of a usual photo, dims
        doubt = np.maximum(np.maximum(nearest, dims) / _INDEPENDENT, 1.0)
        chance: FloatArray = softmax(nats / doubt, axis=2).mean(axis=0)
        return chance

    def outlier_score(self, descriptors: FloatArray) -> FloatArray:
        """[N, D] → [N] squared distance to the curve, in variances of the noise."""
        return self.members[0].distances(descriptors).min(axis=1)

    def each(self, change: Callable[[CurveReader], CurveReader]) -> CircleReader:
        """The same circle of changed curves."""
        members, dissenters = (
            tuple(map(change, curves)) for curves in (self.members, self.dissenters)
        )
        return CircleReader(members, dissenters)

    def after(self, transform: FloatArray) -> CircleReader:
        """The same curves for other descriptors: see `CurveReader.after`."""
        return self.each(lambda curve: curve.after(transform))

    def reoriented(self, offset: float, direction: int) -> CircleReader:
        """The same curves with azimuth a at offset + direction · a."""
        return self.each(lambda curve: curve.reoriented(offset, direction))

    def retimed(self, timing: Callable[[FloatArray], FloatArray]) -> CircleReader:
        """The same curves, whose azimuths run as `timing` has them."""
        return self.each(lambda curve: curve.retimed(timing))

    def opened(self, low: float, high: float) -> CircleReader:
        """The same curves as an arc: see `CurveReader.opened`."""
        return self.each(lambda curve: curve.opened(low, high))

    def arrays(self) -> dict[str, FloatArray]:
        """What `from_arrays` restores it from: [curves, …] each."""
        names = [field.name for field in fields(CurveReader)]
        curves = self.members + self.dissenters
        reads = np.arange(len(curves)) < len(self.members)
        return {name: np.stack([getattr(c, name) for c in curves]) for name in names} | {
            "reads": reads.astype(np.float32)
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, FloatArray]) -> CircleReader:
        """The reader that `arrays` came from; where they do not tell, all curves read."""
        names = [field.name for field in fields(CurveReader)]
        curves = [CurveReader(*one) for one in zip(*(arrays[n] for n in names), strict=True)]
        num = int(arrays["reads"].sum()) if "reads" in arrays else len(curves)
        return cls(tuple(curves[:num]), tuple(curves[num:]))


def _log_likelihoods(
    curves: Sequence[CurveReader], axis: float, descriptors: FloatArray, mirrored: FloatArray | None
) -> FloatArray:
    """[N, D] → [curves, N, S] nats at common azimuths, by each curve.

    Of a photo and its mirror image, whose azimuths are opposite about `axis`, it is the mean, as
    they are anything but independent.
    """
    own = np.stack([curve.at(_COMMON).log_likelihood(descriptors) for curve in curves])
    if mirrored is None:
        return own
    opposite = wrap(2 * axis - _COMMON)
    other = np.stack([curve.at(opposite).log_likelihood(mirrored) for curve in curves])
    return (own + other) / 2


def fit_reader(
    descriptors: FloatArray,
    mirrored: FloatArray,
    azimuth: FloatArray,
    copies: tuple[FloatArray, FloatArray] | None = None,
) -> CurveReader:
    """The reader of [n, D] photos at `azimuth` [n] degrees, whose mirror images are at −azimuth.

    Args:
        copies: [m, D] of photos changed in ways that shall not count, and [m] their azimuths.
    """
    mean = (descriptors.mean(axis=0) + mirrored.mean(axis=0)) / 2
    parts, angles = [descriptors, mirrored], [azimuth, -azimuth]
    if copies is not None:
        parts, angles = [*parts, copies[0]], [*angles, copies[1]]
    both = (np.concatenate(parts) - mean).astype(np.float64)
    axes = principal_axes(both, _DIMS)
    station = stations(_STATIONS)
    share = shares_about(np.concatenate(angles), station, _WIDTH)
    multiples = station[:, None] * np.arange(_HARMONICS + 1)
    basis = np.concatenate([np.cos(multiples), np.sin(multiples[:, 1:])], axis=1)
    points = both @ axes
    statistics = Statistics(share.sum(axis=0), (share @ basis).T @ points, points.T @ points)
    series = fit_series(statistics, basis)
    return CurveReader(
        mean=mean.astype(np.float32),
        whiten=(axes @ series.whiten).astype(np.float32),
        curve=(series.curve @ series.whiten).astype(np.float32),
        azimuth=_exact(np.rad2deg(station)),
    )
