"""Photos side by side, for a person to judge what was found: flip pairs, and doubtful photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from mirage.core.angles import in_degrees
from mirage.core.contracts import ByteArray, FloatArray, IntArray, check_shape
from mirage.drawing.canvas import Row, Tile, draw_rows, enlarge

_DOUBT_SIDE = 128  # a caption of pose, azimuth and confidence needs this width, pixels


def flip_pairs(
    photos: Sequence[Sequence[ByteArray]], mirror: IntArray, azimuth: FloatArray, columns: int = 8
) -> Image.Image:
    """Photos of each pose, and below them photos of its mirror pose, flipped.

    Where the pairing is right, both rows show the object from the same side. A pose that is its
    own mirror pose (a front, a rear) stands above its own photos, flipped.

    Args:
        photos: [K] photos [H, W, 3] uint8 of each pose, drawn at random.
        mirror: [K] the pose that each becomes when its photos are flipped.
        azimuth: [K] degrees; pairs stand in its order.
        columns: photos a row.
    """
    check_shape("mirror", mirror, (len(photos),))
    check_shape("azimuth", azimuth, (len(photos),))
    rows: list[Row] = []
    shown: set[tuple[int, int]] = set()
    for pose in np.argsort(azimuth, kind="stable").tolist():
        other = int(mirror[pose])
        if (other, pose) in shown:
            continue
        shown.add((pose, other))
        note = "its own mirror pose" if other == pose else f"mirror pose: {other}"
        upright = [Tile(enlarge(photo)) for photo in photos[pose][:columns]]
        flipped = [Tile(enlarge(photo[:, ::-1])) for photo in photos[other][:columns]]
        rows += [
            Row(f"pose {pose} · {in_degrees(azimuth[pose])}\n{note}", upright, ruled=bool(rows)),
            Row(f"pose {other} · {in_degrees(azimuth[other])}\nflipped", flipped),
        ]
    return draw_rows(rows, columns)


@dataclass(frozen=True)
class Doubt:
    """A photo [H, W, 3] uint8 with the pose it was given all the same; azimuth in degrees."""

    photo: ByteArray
    pose: int
    azimuth: float
    confidence: float


def doubtful_photos(groups: Sequence[tuple[str, Sequence[Doubt]]], columns: int = 8) -> Image.Image:
    """One row a group, such as ("least confident", photos): each with pose, azimuth, confidence."""

    def tile(doubt: Doubt) -> Tile:
        caption = f"pose {doubt.pose} · {in_degrees(doubt.azimuth)} · {doubt.confidence:.2f}"
        return Tile(enlarge(doubt.photo, _DOUBT_SIDE), caption)

    return draw_rows([Row(title, [tile(d) for d in doubts]) for title, doubts in groups], columns)
