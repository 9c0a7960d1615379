"""Whether photos go all the way round, or only along an arc.

A closed curve can always be drawn through photos of an arc: it jumps from one end to the other.
The jump shows in two ways: no photo lies on it, or, where it is short, photos on either side of it
are not each other's neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mirage.core.angles import circular_difference
from mirage.core.contracts import FloatArray
from mirage.features import kmeans
from mirage.poses.circle.reader import CurveReader

_BINS = 36  # of equal length along the curve
_EMPTY = 0.05  # of an even share of the photos: a bin with less is a gap
_CUTS = 36  # azimuths at which the circle is cut
_WINDOW = 40.0  # degrees on either side of a cut whose links are counted
_NEIGHBOURS = 8
_WEAK = 0.2  # links across a cut, over those across a typical one, that still count as joined
_GAP_COST = 5.0  # a gap of a fifth of the curve leaves nothing of a circle


@dataclass(frozen=True)
class Closure:
    """How well a curve closes.

    Attributes:
        score: in [0, 1]; 1 for a full circle.
        span: (low, high) degrees of the curve that photos cover; (0, 360) if there is no gap.
    """

    score: float
    span: tuple[float, float]


def measure_closure(reader: CurveReader, descriptors: FloatArray, mirrored: FloatArray) -> Closure:
    """The closure of a freshly fitted curve through [n, D] photos and their mirror images."""
    azimuth = reader.azimuths(descriptors)
    bins, edges = photos_along(reader, azimuth)
    empty = bins < _EMPTY
    covered = max(0.0, 1.0 - _GAP_COST * float(empty.mean()))
    joins = links_across(descriptors, mirrored, azimuth)
    weakest = float(joins.min()) / max(float(np.median(joins)), 1e-12)
    score = covered * min(1.0, weakest / _WEAK)
    low, high = _widest_cover(empty, edges)
    if not empty.any():
        cut = float(joins.argmin()) * 360.0 / _CUTS
        low, high = (0.0, 360.0) if weakest >= _WEAK / 2 else (cut, cut + 360.0)
    return Closure(score, (low, high))


def photos_along(reader: CurveReader, azimuth: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Photos in bins of equal length of the curve, over an even share, and the bins' edges, °.

    Length is counted in standard deviations of the noise, so that a stretch that photos jump over
    has the length of the jump, whatever azimuths it was given.
    """
    steps = np.linalg.norm(np.diff(reader.curve, axis=0, append=reader.curve[:1]), axis=1)
    length = np.concatenate([[0.0], np.cumsum(steps)])
    station = np.linspace(0.0, 360.0, len(length))
    place = np.interp(azimuth, station, length) / length[-1]
    counts = np.histogram(place, _BINS, (0.0, 1.0))[0]
    edges = np.interp(np.linspace(0.0, length[-1], _BINS + 1), length, station)
    return counts / len(azimuth) * _BINS, edges


def links_across(descriptors: FloatArray, mirrored: FloatArray, azimuth: FloatArray) -> FloatArray:
    """[cuts] share of the links near each cut of the circle that lead across it.

    Links join each photo and mirror image to its nearest, but for its own mirror image.
    """
    num = len(descriptors)
    both = np.concatenate([descriptors, mirrored])
    angle = np.concatenate([azimuth, -azimuth])
    nearest, _ = kmeans.nearest(both, both, num_nearest=min(_NEIGHBOURS + 1, len(both)))
    nearest = nearest[:, 1:]
    own = (np.arange(2 * num)[:, None] + num) % (2 * num) == nearest
    shares = np.zeros(_CUTS)
    for cut in range(_CUTS):
        offset = circular_difference(angle, cut * 360.0 / _CUTS)
        side = np.where(np.abs(offset) < _WINDOW, np.where(offset < 0, -1, 1), 0)
        here, there = np.broadcast_to(side[:, None], nearest.shape), side[nearest]
        counted = (here != 0) & (there != 0) & ~own
        shares[cut] = (here != there)[counted].mean() if counted.any() else 0.0
    return shares


def _widest_cover(empty: npt.NDArray[np.bool_], edges: FloatArray) -> tuple[float, float]:
    """The curve without its widest run of empty bins, as (low, high) with high > low."""
    if not empty.any() or empty.all():
        return 0.0, 360.0
    num = len(empty)
    starts = [i for i in range(num) if empty[i] and not empty[i - 1]]
    runs = []
    for start in starts:
        end = start
        while empty[end % num]:
            end += 1
        runs.append((end - start, start, end))
    _, start, end = max(runs)
    low, high = float(edges[end % num]), float(edges[start % num])
    return low, high if high > low else high + 360.0
