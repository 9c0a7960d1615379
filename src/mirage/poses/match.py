"""Two pose banks on the same photos: which pose is which, and how far they agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from mirage.contracts import FloatArray, IntArray, PoseLabels
from mirage.poses.ring import circular_difference, circular_mean


@dataclass(frozen=True)
class BankMatch:
    """How the poses and azimuths of a new bank translate into those of an old one.

    Attributes:
        mapping: [K_new] int, the old pose that every new pose stands for.
        agreement: share of photos whose mapped new pose is their old pose.
        offset, direction: old azimuth ≈ offset + direction · new azimuth, degrees and ±1.
        residual: median circular error of that, degrees.
    """

    mapping: IntArray
    agreement: float
    offset: float
    direction: int
    residual: float

    def carry_azimuth(self, azimuth: FloatArray) -> FloatArray:
        """New azimuths on the old ring, degrees in [0, 360)."""
        carried: FloatArray = (self.offset + self.direction * np.asarray(azimuth)) % 360.0
        return carried


def match_banks(
    labels_new: PoseLabels, labels_old: PoseLabels, num_new: int, num_old: int
) -> BankMatch:
    """Match two labellings of the same N photos, in the same order.

    Poses are first matched one to one (Hungarian method on shared photos); then every new pose
    left over, or matched to a pose it shares fewer photos with, goes to the old pose it shares
    most photos with.
    """
    if len(labels_new) != len(labels_old) or not len(labels_new):
        raise ValueError(f"{len(labels_new)} and {len(labels_old)} labels cannot be matched")
    shared = np.zeros((num_new, num_old), np.int64)
    np.add.at(shared, (labels_new.pose, labels_old.pose), 1)
    mapping = shared.argmax(axis=1)
    tie = shared[np.arange(num_new), mapping]
    for new_id, old_id in zip(*linear_sum_assignment(-shared), strict=True):
        if shared[new_id, old_id] == tie[new_id]:
            mapping[new_id] = old_id
    agreement = float((mapping[labels_new.pose] == labels_old.pose).mean())
    offset, direction, residual = align_azimuths(labels_new.azimuth, labels_old.azimuth)
    return BankMatch(mapping, agreement, offset, direction, residual)


def align_azimuths(source: FloatArray, target: FloatArray) -> tuple[float, int, float]:
    """The offset and direction (±1) that carry `source` [N] nearest to `target` [N], degrees.

    Returns:
        offset, direction, and the median circular residual.
    """
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    candidates = []
    for direction in (1, -1):
        difference = target - direction * source
        offset = float(circular_mean(difference))
        # The mean is drawn by outliers: polish on the closer half.
        for _ in range(5):
            error = np.abs(circular_difference(difference, np.asarray(offset)))
            offset = float(circular_mean(difference[error <= np.median(error)]))
        error = np.abs(circular_difference(difference, np.asarray(offset)))
        candidates.append((float(np.median(error)), offset, direction))
    residual, offset, direction = min(candidates)
    return offset, direction, residual
