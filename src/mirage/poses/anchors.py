"""Azimuths that a person gave some poses: the circle is timed so that it passes through them.

A person looks at a few photos of each pose and says where those are seen from: 0° the front, 90°
the side, and so on. The mirror image of a pose at θ is a pose at −θ, so that each anchor tells of
two poses; between anchors the circle is timed smoothly and keeps its order (`timing.Timing`).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from mirage.core.angles import circular_difference, circular_distance, in_degrees, wrap
from mirage.core.contracts import FloatArray
from mirage.core.errors import MirageError
from mirage.poses.circle.timing import Timing

_KEY = "configuration key poses.anchors"
_AT_END = 15.0  # degrees of 0° or 180° within which a pose may be its own mirror image
_CLOSEST = 0.5  # degrees that two knots must be apart


def check_anchors(anchors: Mapping[int, float], num_poses: int) -> None:
    """Raise MirageError where an anchor is of a pose that there is not."""
    for pose in anchors:
        if not 0 <= pose < num_poses:
            raise MirageError(
                f"pose {pose} does not exist",
                where=_KEY,
                todo=f"poses are numbered 0 to {num_poses - 1}",
            )


def place_anchors(
    ring: FloatArray, anchors: Mapping[int, float]
) -> tuple[float, int, Timing | None]:
    """Offset and direction of a full circle, and then its timing, that carry poses to anchors.

    A single pose at 0° or 180° that is not its own mirror image only turns the circle: 0° is then
    what the person likes it to be.

    Args:
        ring: [K] degrees of the poses, 0 at a view that is its own mirror image.
        anchors: pose → degrees; at least one.

    Raises:
        MirageError: no direction of the circle has the anchors in their order.
    """
    poses = list(anchors)
    found = np.asarray([ring[pose] for pose in poses], dtype=float)
    asked = np.asarray([anchors[pose] for pose in poses], dtype=float)
    if len(poses) == 1 and _end_of(asked[0]) is not None and _end_of(found[0], _AT_END) is None:
        return float(wrap(asked[0] - found[0])), 1, None
    tried = [(offset, way) for offset in (0.0, 180.0) for way in (1, -1)]
    placed = [_Half(poses, wrap(offset + way * found), asked) for offset, way in tried]
    best = min(range(len(tried)), key=lambda index: placed[index].cost)
    return *tried[best], placed[best].timing()


class _Half:
    """Anchors folded onto the half circle from 0° to 180°, for one way that the circle may run."""

    def __init__(self, poses: list[int], found: FloatArray, asked: FloatArray) -> None:
        self.poses = poses
        side = np.where(circular_difference(asked, 0.0) < 0, -1.0, 1.0)
        # An anchor at 0° or 180° is on both halves: it takes that of its pose.
        at_end = np.array([_end_of(degrees) is not None for degrees in asked])
        side = np.where(at_end, np.where(circular_difference(found, 0.0) < 0, -1.0, 1.0), side)
        self.found = circular_difference(side * found, 0.0)
        self.asked = np.where(at_end, wrap(asked), circular_difference(side * asked, 0.0))
        self.at_end = at_end
        self.cost = float(np.abs(circular_difference(self.found, self.asked)).sum())
        self.cost += 1e3 * bool(self.complaint())

    def complaint(self) -> str:
        """What is contradictory about the anchors; empty where nothing is."""
        ends = [0.0, 180.0]
        for pose, found, asked, at_end in zip(
            self.poses, self.found, self.asked, self.at_end, strict=True
        ):
            if at_end and circular_distance(found, asked) > _AT_END:
                return (
                    f"pose {pose} is asked for at {in_degrees(asked)}, and is not its own mirror "
                    f"image: it was found {circular_distance(found, asked):.0f}° from there"
                )
            if not at_end and found <= 0.0:
                return f"pose {pose}, asked for at {in_degrees(asked)}, is found on the other side"
        order = np.argsort(self.found, kind="stable")
        inner = [i for i in order if not self.at_end[i]]
        for first, second in pairwise(inner):
            if self.asked[second] - self.asked[first] < _CLOSEST * (
                self.found[second] - self.found[first] > _CLOSEST
            ):
                return (
                    f"poses {self.poses[first]} and {self.poses[second]} follow one another on the "
                    f"circle, and are asked for at {in_degrees(self.asked[first])} and "
                    f"{in_degrees(self.asked[second])}, the other way round"
                )
        if any(not ends[0] < self.asked[i] < ends[1] for i in inner):
            return "an anchor is beyond 180°"
        return ""

    def timing(self) -> Timing | None:
        """The timing through the anchors; None where they ask for none.

        Raises:
            MirageError: they contradict one another.
        """
        if complaint := self.complaint():
            raise MirageError(
                complaint,
                where=_KEY,
                todo="look at the photos of those poses again (poses/montage.png), or leave one "
                "out; 0 must be a view that is its own mirror image, such as the front",
            )
        inner = np.flatnonzero(~self.at_end)
        inner = inner[np.argsort(self.found[inner], kind="stable")]
        found, asked = self.found[inner], self.asked[inner]
        keep = np.diff(found, prepend=0.0) > _CLOSEST  # poses of one place: the first counts
        keep &= np.diff(asked, prepend=0.0) > 0.0
        return Timing(found[keep], asked[keep]) if keep.any() else None


def _end_of(degrees: float, within: float = 1e-6) -> float | None:
    """0 or 180, if an azimuth is there."""
    for end in (0.0, 180.0):
        if circular_distance(degrees, end) <= within:
            return end
    return None
