"""Found azimuths of photos against their true ones: how far off, where, and what of it is timing.

Errors are those that are left after the ring's one free offset and direction. They have two causes:
photos that are read wrong, and a circle that is timed wrong, so that all photos of one side are
found too early or too late. What the best monotone re-timing leaves is the former alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mirage.core.angles import (
    RingAlignment,
    align_rings,
    bin_medians,
    circular_difference,
    circular_distance,
    retime,
    wrap,
)
from mirage.core.contracts import FloatArray, check_shape
from mirage.core.errors import require_items
from mirage.metrics.intervals import Statistic, bootstrap

NUM_BINS = 24  # of the true azimuth, by which timing is told and re-timed


@dataclass(frozen=True)
class AzimuthTruth:
    """Found azimuths of N photos on the ring of the true ones.

    Attributes:
        alignment: found azimuths → that ring.
        found, true: [N] degrees in [0, 360), of which the found ones are aligned.
        retimed: [N] the found ones after the best monotone re-timing, which knows the truth.
    """

    alignment: RingAlignment
    found: FloatArray
    true: FloatArray
    retimed: FloatArray

    @classmethod
    def compare(cls, found: npt.ArrayLike, true: npt.ArrayLike) -> AzimuthTruth:
        """Align azimuths [N] found on a ring of free offset and direction with true ones [N].

        Raises:
            MirageError: there are none.
        """
        found, true = np.asarray(found, dtype=float), wrap(np.asarray(true, dtype=float))
        check_shape("true", true, found.shape)
        require_items(len(true), "azimuths")
        alignment = align_rings(found, true)
        aligned = alignment.carry(found)
        retimed = retime(aligned, true, NUM_BINS)
        errors = [circular_distance(of, true).mean() for of in (aligned, retimed)]
        # To change nothing is monotone, too, and the best where nothing was read.
        return cls(alignment, aligned, true, retimed if errors[1] < errors[0] else aligned)

    @property
    def error(self) -> FloatArray:
        """[N] degrees in [0, 180]."""
        return circular_distance(self.found, self.true)

    @property
    def retimed_error(self) -> FloatArray:
        """[N] degrees in [0, 180] that the best monotone re-timing leaves."""
        return circular_distance(self.retimed, self.true)


_SHARES = (15.0, 30.0, 90.0)  # degrees beyond which photos are counted
_RESAMPLES = 500


def error_figures(error: npt.ArrayLike) -> dict[str, float]:
    """Figures of errors [N], degrees: mean_deg, median_deg, p90_deg, beyond_15, _30 and _90."""
    require_items(np.size(error), "azimuths")
    return {name: float(of(np.asarray(error, dtype=float))) for name, of in _OF.items()}


def error_intervals(error: npt.ArrayLike, seed: int) -> dict[str, dict[str, float]]:
    """Low and high ends of the 95% bootstrap interval over photos of each of `error_figures`."""
    ends = {}
    for name, of in _OF.items():
        found = bootstrap(error, seed, of, num_resamples=_RESAMPLES)
        ends[name] = {"low": found.low, "high": found.high}
    return ends


def _percentile_90(values: FloatArray, axis: int | None = None) -> FloatArray:
    return np.asarray(np.percentile(values, 90, axis=axis))


def _beyond(limit: float) -> Statistic:
    return lambda values, axis=None: (values > limit).mean(axis=axis)


_OF: dict[str, Statistic] = {
    "mean_deg": np.mean,
    "median_deg": np.median,
    "p90_deg": _percentile_90,
    **{f"beyond_{limit:g}": _beyond(limit) for limit in _SHARES},
}


def timing_figures(truth: AzimuthTruth) -> list[dict[str, float | None]]:
    """By bins of the true azimuth: from, to, photos, and found minus true.

    `lead_deg` is the median of the photos within 90°, `beyond_30` the share farther off than 30°;
    both are None where a bin has no photo.
    """
    width = 360.0 / NUM_BINS
    middles, medians = bin_medians(truth.found, truth.true, NUM_BINS)
    lead = circular_difference(medians, middles)
    bin_id = np.minimum((truth.true // width).astype(int), NUM_BINS - 1)
    rows: list[dict[str, float | None]] = []
    for k, middle in enumerate(middles):
        inside = bin_id == k
        photos = int(inside.sum())
        rows.append(
            {
                "from": float(middle - width / 2),
                "to": float(middle + width / 2),
                "photos": photos,
                "lead_deg": float(lead[k]) if photos else None,
                "beyond_30": float((truth.error[inside] > 30.0).mean()) if photos else None,
            }
        )
    return rows
