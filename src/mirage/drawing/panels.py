"""Grids of pictures: photos by pose, the views of an orbit, and orbits that turn together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from mirage.core.angles import in_degrees
from mirage.core.contracts import ByteArray, Orbit
from mirage.core.errors import MirageError
from mirage.drawing.canvas import GAP, Row, Tile, draw_rows, enlarge

_TURNING = 6  # objects that turn together
_SIDE = 160  # of each there, pixels


def montage(groups: Sequence[tuple[str, Sequence[ByteArray]]], columns: int = 12) -> Image.Image:
    """One row a group: its title (a second line is drawn muted), then its images.

    Args:
        groups: (title, images [H, W, 3] uint8) such as ("Pose 3\\n120° · 41 photos", members).
        columns: images a line; a longer group goes on below.
    """
    return draw_rows(
        [Row(title, [Tile(enlarge(image)) for image in images]) for title, images in groups],
        columns,
    )


def contact_sheet(
    orbits: Sequence[Orbit], columns: int = 12, names: Sequence[str] | None = None
) -> Image.Image:
    """One row a reference: the photo, framed, then its views in order with their azimuths.

    Args:
        orbits: as generated.
        columns: pictures a line, the photo included only in the first; more views go on below.
        names: a title a row.
    """
    if names is not None and len(names) != len(orbits):
        raise MirageError(
            f"{len(names)} names for {len(orbits)} orbits",
            where="report.panels.contact_sheet",
            todo="give one name an orbit, or none",
        )

    def row(index: int, orbit: Orbit) -> Row:
        photo = Tile(enlarge(orbit.reference), f"photo · pose {orbit.reference_pose}", framed=True)
        views = [
            Tile(enlarge(frame), in_degrees(azimuth))
            for frame, azimuth in zip(orbit.frames, orbit.azimuth, strict=True)
        ]
        return Row(names[index] if names else "", [photo, *views])

    return draw_rows([row(index, orbit) for index, orbit in enumerate(orbits)], columns + 1)


def film_sheet(orbits: Sequence[Orbit]) -> ByteArray:
    """[V, H, W, 3] uint8: the first objects turning side by side, each below its photo.

    Args:
        orbits: of V views each.
    """
    shown = orbits[:_TURNING]
    photos = [_tile(orbit.reference) for orbit in shown]
    height, width, _ = photos[0].shape
    step = width + GAP
    size = (len(shown[0].frames), 2 * height + GAP, len(shown) * step - GAP, 3)
    sheet = np.full(size, 255, np.uint8)
    for column, (photo, orbit) in enumerate(zip(photos, shown, strict=True)):
        across = slice(column * step, column * step + width)
        sheet[:, :height, across] = photo
        sheet[:, height + GAP :, across] = [_tile(frame) for frame in orbit.frames]
    return sheet


def _tile(image: ByteArray) -> ByteArray:
    """An [H, W, 3] uint8 image at the size of those that turn together."""
    picture = enlarge(image, _SIDE)
    width = round(picture.width * _SIDE / picture.height)
    return np.asarray(picture.resize((width, _SIDE), Image.Resampling.LANCZOS))
