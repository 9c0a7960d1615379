"""Grids of pictures: photos by pose, and the views of an orbit."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from mirage.circle import in_degrees
from mirage.contracts import ByteArray, Orbit
from mirage.errors import MirageError
from mirage.report.canvas import Row, Tile, draw_rows, enlarge


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
