"""Two pose banks on the same photos: which pose is which, and how far they agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from mirage.core.angles import RingAlignment, align_rings, circular_distance, retime, wrap
from mirage.core.contracts import FloatArray, IntArray, PoseLabels

_BINS = 24  # of the old azimuth, by which the new one is re-timed
_CANDIDATE = 2.0  # degrees between the azimuths of which one stands for all
_LEAST = 1e-3  # degrees that it is taken to leave


@dataclass(frozen=True)
class BankMatch:
    """How the poses and azimuths of a new bank translate into those of an old one.

    Attributes:
        mapping: [K_new] int, the old pose that every new pose stands for.
        agreement: share of photos whose mapped new pose is their old pose.
        alignment: carries new azimuths to the old ring.
        residual: median circular error of that, degrees.
        retimed: of what is left of it after the best monotone re-timing: two banks may agree on
            which photos are neighbours and time the circle otherwise.
        unexplained: the mean of that error over the mean that giving all photos one azimuth, the
            best, would leave. An old bank that sees the same pose in nearly all of them is met by
            anything within a small residual; then this is 1 or more. Of means, as photos that crowd
            at one view leave the others to tell.
    """

    mapping: IntArray
    agreement: float
    alignment: RingAlignment
    residual: float
    retimed: float
    unexplained: float


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
    alignment = align_rings(labels_new.azimuth, labels_old.azimuth)
    carried = alignment.carry(labels_new.azimuth)
    timed = retime(carried, wrap(labels_old.azimuth), _BINS)
    apart, timed_apart = (
        circular_distance(azimuth, labels_old.azimuth) for azimuth in (carried, timed)
    )
    residual, retimed = (float(np.median(distance)) for distance in (apart, timed_apart))
    left = min(float(distance.mean()) for distance in (apart, timed_apart))
    unexplained = left / max(_error_of_one(labels_old.azimuth), _LEAST)
    return BankMatch(mapping, agreement, alignment, residual, min(residual, retimed), unexplained)


def _error_of_one(azimuth: FloatArray) -> float:
    """The mean circular distance of N azimuths from one, which is chosen to make it least."""
    candidates = np.arange(0.0, 360.0, _CANDIDATE)
    return min(float(circular_distance(azimuth, one).mean()) for one in candidates)
