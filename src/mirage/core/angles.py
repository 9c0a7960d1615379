"""Azimuths on the circle, in degrees: differences, means, and how one ring lies on another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mirage.core.contracts import FloatArray, check_shape
from mirage.core.errors import MirageError


def wrap(degrees: npt.ArrayLike) -> FloatArray:
    """The same directions in [0, 360), as precise as they were given."""
    wrapped = np.mod(degrees, 360.0)
    # mod of a tiny negative number rounds to 360 itself
    return np.where(wrapped >= 360.0, 0.0, wrapped)


def in_degrees(azimuth: float) -> str:
    """An azimuth as a person reads it, in whole degrees from 0° to 359°: 359.7° is 0°."""
    return f"{round(azimuth) % 360}°"


def circular_difference(a: npt.ArrayLike, b: npt.ArrayLike) -> FloatArray:
    """a − b the short way round, in [−180, 180); a and b broadcast."""
    return np.mod(np.subtract(a, b) + 180.0, 360.0) - 180.0


def circular_distance(a: npt.ArrayLike, b: npt.ArrayLike) -> FloatArray:
    """The smaller angle between a and b, in [0, 180]; a and b broadcast."""
    return np.abs(circular_difference(a, b))


def circular_mean(
    degrees: npt.ArrayLike, weight: FloatArray | None = None, axis: int = -1
) -> FloatArray:
    """The direction of the (weighted) mean of unit vectors, in [0, 360)."""
    vectors = np.exp(1j * np.deg2rad(degrees))
    total = (vectors if weight is None else weight * vectors).sum(axis)
    return wrap(np.rad2deg(np.angle(total)))


@dataclass(frozen=True)
class RingAlignment:
    """How one ring's azimuths lie on another's: target ≈ offset + direction · source.

    Attributes:
        offset: degrees in [0, 360).
        direction: +1, or −1 where the rings run opposite ways.
    """

    offset: float
    direction: int

    def carry(self, source: npt.ArrayLike) -> FloatArray:
        """Azimuths of the source ring on the target ring, in [0, 360); same shape."""
        return wrap(self.offset + self.direction * np.asarray(source))

    def error(self, source: npt.ArrayLike, target: npt.ArrayLike) -> FloatArray:
        """Degrees in [0, 180] between carried source azimuths and target ones; same shape."""
        return circular_distance(self.carry(source), target)


def align_rings(source: npt.ArrayLike, target: npt.ArrayLike) -> RingAlignment:
    """The one offset and direction that bring source azimuths [N] closest to target ones [N].

    Minimises the mean absolute error, which outliers and a minority at the opposite side hardly
    move: every degree in both directions is tried, then ever finer grids round the best.

    Raises:
        MirageError: there are no azimuths.
    """
    source, target = np.asarray(source, dtype=float), np.asarray(target, dtype=float)
    check_shape("source", source, (None,))
    check_shape("target", target, (len(source),))
    if not len(source):
        raise MirageError("no azimuths to align", todo="check that the labels are not empty")

    def search(direction: int) -> tuple[float, float]:
        free = target - direction * source

        def error(offset: float) -> float:
            return float(circular_distance(free, offset).mean())

        best = min(np.arange(0.0, 360.0), key=error)
        for step in (0.1, 0.01, 0.001):
            best = min(best + step * np.arange(-10, 11), key=error)
        return error(best), best

    found = {direction: search(direction) for direction in (1, -1)}
    direction = min(found, key=lambda d: found[d][0])
    return RingAlignment(float(wrap(found[direction][1])), direction)


def retime(
    found: FloatArray, true: FloatArray, num_bins: int, at: FloatArray | None = None
) -> FloatArray:
    """Degrees: azimuths `found` [N], re-timed by the true ones [N] of photos found alike.

    Monotone: the middle of each bin of found azimuths is taken to the median of the true ones in
    it, and between them it is linear. Bins without photos, and those whose median is not beyond
    the one before, are left out.

    Args:
        at: azimuths that are re-timed in place of the found ones; of any shape.
    """
    middles, medians = bin_medians(true, found, num_bins)
    seen = np.isfinite(medians)
    middles, lag = middles[seen], circular_difference(medians, middles)[seen]
    target = middles + lag
    later = np.concatenate([[True], target[1:] > np.maximum.accumulate(target)[:-1]])
    later &= target < target[0] + 360.0
    middles, lag = middles[later], lag[later]
    # np.interp knows no circle: one turn before and one after are laid beside it.
    turns = np.concatenate([middles - 360.0, middles, middles + 360.0])
    at = found if at is None else at
    return wrap(at + np.interp(at, turns, np.tile(lag, 3)))


def bin_medians(
    azimuth: FloatArray, by: FloatArray, num_bins: int
) -> tuple[FloatArray, FloatArray]:
    """Middles [num_bins] of bins of azimuths `by` [N], and the median `azimuth` [N] in each.

    Of those within 90° of the middle, where there are any: a photo at the opposite side would
    count as ahead or behind by chance. NaN where a bin has no photo. All in degrees in [0, 360).
    """
    width = 360.0 / num_bins
    middles = (np.arange(num_bins) + 0.5) * width
    bin_id = np.minimum((by // width).astype(int), num_bins - 1)
    medians = np.full(num_bins, np.nan)
    for k, middle in enumerate(middles):
        lead = circular_difference(azimuth[bin_id == k], middle)
        if lead.size:
            near = lead[np.abs(lead) <= 90.0]
            medians[k] = middle + np.median(near if near.size else lead)
    return middles, np.where(np.isfinite(medians), wrap(medians), np.nan)
