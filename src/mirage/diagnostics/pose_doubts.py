"""What is doubtful about the poses of a run, in words: what a person should look at first.

What the limits are based on is in docs/poses.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mirage.parts.groups import TwoGroups

_AGREED = 0.75  # ring score of a full circle: with a fifth of the photos on the wrong half, 0.68
_STRANGERS = 0.05  # share of outliers: of fresh objects of the same kind 0.031 at most
_SHARED = (
    0.6  # of the parts of two groups of photos: of one kind 0.68 at least, of two 0.54 at most
)
_GROUP = 0.1  # share of the photos that the smaller group must have
_TIMING = 7.0  # degrees that azimuths may be timed off: where outlines tell it, 6 at most


def find_doubts(summary: dict[str, Any], where: Path) -> list[str]:
    """One line a doubt, with the picture to look at; none where all is as it should be.

    Args:
        summary: what summary.json holds.
        where: the folder of the poses.
    """
    found = [doubt(summary, where) for doubt in _DOUBTS]
    return [doubt for doubt in found if doubt]


def _kinds(summary: dict[str, Any], where: Path) -> str:
    groups = TwoGroups(**summary.get("groups", {"shared": 1.0, "smaller": 0.5}))
    if groups.shared > _SHARED or groups.smaller < _GROUP:
        return ""
    return (
        f"the photos fall into two groups ({groups.smaller:.0%} in the smaller) that share few "
        f"parts ({groups.shared:.2f} of 1): look at {where}/montage.png; if two kinds of object "
        "are mixed, give each a run of its own: poses across kinds mean nothing"
    )


def _circle(summary: dict[str, Any], where: Path) -> str:
    low, high = summary.get("span", (0.0, 360.0))
    if not summary["circle_found"]:
        return (
            "no circle was found, the order of the poses is a guess: look at "
            f"{where}/ring.png; is it one kind of object, with sides that differ, seen from all "
            "round?"
        )
    if high - low >= 360.0:
        return ""
    return (
        f"the photos pass for an arc, not a full circle: look at {where}/ring.png; if they are "
        "from one side, or from some, only these can be made: add photos from all round; if all "
        "sides are there, more photos of each help"
    )


def _agreement(summary: dict[str, Any], where: Path) -> str:
    low, high = summary.get("span", (0.0, 360.0))
    full = summary["circle_found"] and high - low >= 360.0
    if not full or summary["ring_score"] >= _AGREED:
        return ""
    return (
        "another search among the same photos puts many of them elsewhere on the circle, so that "
        f"azimuths may be far off: look at {where}/montage.png before you train; more photos, "
        "tighter crops or plainer backgrounds help"
    )


def _outliers(summary: dict[str, Any], where: Path) -> str:
    share = summary["outliers"] / summary["num_images"]
    if share <= _STRANGERS:
        return ""
    return (
        f"{share:.0%} of the photos are outliers: look at {where}/doubts.png; take out what is of "
        "another kind, or not the object at all"
    )


def _timing(summary: dict[str, Any], where: Path) -> str:
    error = summary.get("timing_error")
    if error is None or error <= _TIMING:
        return ""
    return (
        "outlines say little of how fast the azimuth runs: between front, sides and rear it may "
        f"be {error:.0f}° off; give some poses theirs with poses.anchors, which `mirage report` "
        "writes for you"
    )


_DOUBTS = (_kinds, _circle, _agreement, _outliers, _timing)
