"""Whether photos fall into two groups that share few parts, as those of two kinds of object do.

Seen from another side, an object of the same kind shows other parts, but not all at once: there are
always photos in between, and parts that both sides have.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mirage.core.contracts import FloatArray, check_shape
from mirage.features import kmeans

_RESTARTS = 10


@dataclass(frozen=True)
class TwoGroups:
    """The two groups that a set of photos falls into.

    Attributes:
        shared: in [0, 1], how far they show the same parts: the Bhattacharyya coefficient of their
            mean shares of parts.
        smaller: in [0, 0.5], the share of the photos in the smaller one.
    """

    shared: float
    smaller: float


def find_two_groups(mass: FloatArray) -> TwoGroups:
    """The groups of B ≥ 2 photos, of which [B, P] is of each part of the object."""
    check_shape("mass", mass, (None, None))
    share = mass / np.maximum(mass.sum(axis=1, keepdims=True), 1e-12)
    root = np.sqrt(share)  # distances of which are those that the coefficient goes by
    group, _ = kmeans.assign(root, kmeans.fit(root, 2, restarts=_RESTARTS).centroids)
    one, other = share[group == 0], share[group == 1]
    if not len(one) or not len(other):  # all photos show the same
        return TwoGroups(1.0, 0.0)
    shared = float(np.sqrt(one.mean(axis=0) * other.mean(axis=0)).sum())
    return TwoGroups(min(shared, 1.0), min(len(one), len(other)) / len(mass))
