"""Which views are asked for: azimuths on the ring, and the poses that they lie between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from mirage.core.angles import circular_distance, wrap
from mirage.core.contracts import FloatArray, IntArray, PoseCondition, PoseRing


def ring_azimuths(ring: PoseRing, count: int, start: float = 0.0) -> FloatArray:
    """[count] azimuths round the whole circle from `start` degrees, evenly.

    Of an arc, from end to end, wherever `start` is: what is beyond its ends nobody photographed.
    """
    if ring.closed:
        return wrap(start + np.arange(count) * (360.0 / count))
    return wrap(np.linspace(*ring.span, count))


def pose_azimuths(ring: PoseRing, count: int) -> FloatArray:
    """The azimuths of up to `count` poses spread over the ring: between two poses none is right."""
    poses = nearest_pose(ring, ring_azimuths(ring, count))
    return np.asarray(ring.azimuth[list(dict.fromkeys(poses.tolist()))])


def nearest_pose(ring: PoseRing, azimuth: FloatArray) -> IntArray:
    """[V] the pose whose azimuth is nearest on the circle to each of `azimuth` [V] degrees."""
    return circular_distance(np.asarray(azimuth)[:, None], ring.azimuth[None]).argmin(axis=1)


def between_poses(ring: PoseRing, azimuth: FloatArray) -> PoseCondition:
    """Views at `azimuth` [V] degrees: each between the two poses beside it, by how near they are.

    So an orbit crosses the border between two poses without a jump. Beyond the ends of an arc the
    pose is that of the end.
    """
    order = np.argsort(ring.azimuth, kind="stable")
    sorted_azimuth = ring.azimuth[order].astype(np.float64)
    asked = wrap(azimuth)
    after = np.searchsorted(sorted_azimuth, asked, side="right") % len(order)
    before = (after - 1) % len(order)
    gone = wrap(asked - sorted_azimuth[before])
    gap = wrap(sorted_azimuth[after] - sorted_azimuth[before])
    share = np.divide(gone, gap, out=np.zeros_like(gone), where=gap > 0)
    if not ring.closed:  # between the ends lies what nobody photographed
        start, end = (nearest_pose(ring, np.array([end % 360.0]))[0] for end in ring.span)
        outside = (order[before] == end) & (order[after] == start)
        share = np.where(outside, (share > 0.5).astype(np.float64), share)
    return PoseCondition(
        torch.from_numpy(order[before]),
        torch.from_numpy(asked).float(),
        torch.from_numpy(order[after]),
        torch.from_numpy(share).float(),
    )


def join_conditions(parts: Sequence[PoseCondition]) -> PoseCondition:
    """The views of all parts; one that is in a single pose, or in none, is wholly in it."""
    if len(parts) == 1:
        return parts[0]
    if all(part.other is None for part in parts):
        return PoseCondition(
            *(torch.cat([getattr(p, n) for p in parts]) for n in ("pose", "azimuth"))
        )
    whole = [
        part
        if part.other is not None
        else replace(part, other=part.pose.clamp(min=0), share=torch.zeros_like(part.azimuth))
        for part in parts
    ]
    names = ("pose", "azimuth", "other", "share")
    return PoseCondition(*(torch.cat([getattr(part, name) for part in whole]) for name in names))
