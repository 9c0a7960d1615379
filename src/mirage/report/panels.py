"""Pictures of a run: pose clusters, the ring, part masks, contact sheets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from mirage.contracts import ByteArray, FloatArray, IntArray, Orbit, check_shape
from mirage.errors import MirageError
from mirage.report.canvas import (
    ACCENT,
    INK,
    MUTED,
    PAPER,
    RULE,
    Row,
    Tile,
    draw_rows,
    enlarge,
    font,
    palette,
    resize_map,
)

_SMOOTH = 3  # vector strokes are drawn this much larger, then reduced


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
            Tile(enlarge(frame), f"{azimuth:.0f}°")
            for frame, azimuth in zip(orbit.frames, orbit.azimuth, strict=True)
        ]
        return Row(names[index] if names else "", [photo, *views])

    return draw_rows([row(index, orbit) for index, orbit in enumerate(orbits)], columns + 1)


def part_masks(
    images: ByteArray, part_maps: FloatArray, foreground: FloatArray, columns: int = 3
) -> Image.Image:
    """Triples of photo, parts as colours, and the photo through the foreground mask.

    Args:
        images: [B, H, W, 3] uint8.
        part_maps: [B, h, w, P], how much each patch is of each part, rows summing to 1.
        foreground: [P] in [0, 1], how much a part belongs to the object.
        columns: triples a line.
    """
    check_shape("images", images, (None, None, None, 3))
    check_shape("part_maps", part_maps, (len(images), None, None, len(foreground)))
    weight = np.asarray(foreground, dtype=float)
    # parts of the background are drawn grey, so that colours mean the object
    colours = np.where(weight[:, None] >= 0.5, palette(len(weight)), 190).astype(float)
    tiles: list[Tile] = []
    for image, part_map in zip(images, part_maps, strict=True):
        tiles += [
            Tile(enlarge(image), "photo"),
            Tile(enlarge(_paint_parts(image, part_map, colours)), "parts"),
            Tile(enlarge(_fade_background(image, part_map @ weight)), "foreground"),
        ]
    return draw_rows([Row("", tiles)], 3 * columns)


def _paint_parts(image: ByteArray, part_map: FloatArray, colours: FloatArray) -> ByteArray:
    height, width, _ = image.shape
    strength = np.stack(
        [resize_map(part_map[:, :, part], height, width) for part in range(part_map.shape[2])], -1
    )
    painted = colours[strength.argmax(axis=-1)]
    grey = image.mean(axis=-1, keepdims=True)
    return np.round(0.68 * painted + 0.32 * grey).astype(np.uint8)


def _fade_background(image: ByteArray, mask: FloatArray) -> ByteArray:
    height, width, _ = image.shape
    keep = 0.12 + 0.88 * np.clip(resize_map(mask, height, width), 0.0, 1.0)[:, :, None]
    return np.round(keep * image + (1 - keep) * 255).astype(np.uint8)


# --- the ring ------------------------------------------------------------------------------------


def ring_picture(
    azimuth: FloatArray,
    thumbnails: ByteArray,
    counts: IntArray,
    score: float,
    titles: Sequence[str] | None = None,
) -> Image.Image:
    """The poses on a circle at their azimuth, 0° at the top and clockwise.

    Args:
        azimuth: [K] degrees.
        thumbnails: [K, H, W, 3] uint8, a typical or mean picture a pose.
        counts: [K] photos a pose; the dot on the circle has that area.
        score: how well the ring closes, in [0, 1].
        titles: [K] captions; "pose k" by default.
    """
    num_poses = len(azimuth)
    check_shape("thumbnails", thumbnails, (num_poses, None, None, 3))
    check_shape("counts", counts, (num_poses,))
    pictures = [enlarge(thumbnail, 72) for thumbnail in thumbnails]
    cell = max((max(p.size) for p in pictures), default=72) + 22
    radius = max(150.0, num_poses * cell / (2 * np.pi) * 0.72)
    places = _place(np.asarray(azimuth, dtype=float), radius + 0.75 * cell, cell)
    reach = max((float(np.abs(place).max()) for place in places), default=radius)
    half = int(reach + cell / 2 + 30)
    canvas = _draw_circle(half, radius, np.asarray(azimuth, dtype=float), places, counts)
    draw = ImageDraw.Draw(canvas)
    for pose, (picture, place) in enumerate(zip(pictures, places, strict=True)):
        x, y = half + int(place[0]), half + int(place[1])
        left, top = x - picture.width // 2, y - picture.height // 2 - 6
        canvas.paste(picture, (left, top))
        title = titles[pose] if titles else f"pose {pose}"
        draw.text((x, top + picture.height + 3), title, MUTED, font(11), anchor="mt")
    draw.text((half, half - 16), f"{num_poses} poses", INK, font(20, bold=True), anchor="mm")
    draw.text((half, half + 10), f"{int(np.sum(counts))} photos", MUTED, font(13), anchor="mm")
    draw.text((half, half + 32), f"ring score {score:.2f}", MUTED, font(13), anchor="mm")
    return canvas


def _direction(azimuth: float) -> FloatArray:
    """Unit vector (x right, y down) of an azimuth on the picture."""
    angle = np.radians(azimuth)
    return np.array([np.sin(angle), -np.cos(angle)])


def _place(azimuth: FloatArray, radius: float, cell: int) -> list[FloatArray]:
    """Centre of each thumbnail: at its azimuth, moved outwards until it touches no other."""
    places: dict[int, FloatArray] = {}
    for pose in np.argsort(azimuth, kind="stable"):
        distance = radius
        while any(
            np.abs(distance * _direction(azimuth[pose]) - other).max() < cell
            for other in places.values()
        ):
            distance += cell / 4
        places[int(pose)] = distance * _direction(azimuth[pose])
    return [places[pose] for pose in range(len(azimuth))]


def _draw_circle(
    half: int, radius: float, azimuth: FloatArray, places: list[FloatArray], counts: IntArray
) -> Image.Image:
    """The circle with its scale, a line to each thumbnail and a dot a pose; 2 `half` px square."""
    canvas = Image.new("RGB", (2 * half * _SMOOTH, 2 * half * _SMOOTH), PAPER)
    draw = ImageDraw.Draw(canvas)

    def at(point: FloatArray) -> tuple[float, float]:
        return float((half + point[0]) * _SMOOTH), float((half + point[1]) * _SMOOTH)

    def disc(point: FloatArray, size: float, **style: str | int) -> None:
        (x, y), r = at(point), size * _SMOOTH
        draw.ellipse((x - r, y - r, x + r, y + r), **style)  # type: ignore[arg-type]

    disc(np.zeros(2), radius, outline=RULE, width=2 * _SMOOTH)
    for degrees in range(0, 360, 30):
        way = _direction(degrees)
        inner = radius - (10 if degrees % 90 == 0 else 5)
        draw.line((at(inner * way), at(radius * way)), fill=MUTED, width=_SMOOTH)
        if degrees % 90 == 0:
            label = font(12 * _SMOOTH)
            draw.text(at((radius - 26) * way), f"{degrees}°", MUTED, label, anchor="mm")
    largest = max(int(np.max(counts, initial=1)), 1)
    for pose, place in enumerate(places):
        dot = radius * _direction(azimuth[pose])
        draw.line((at(dot), at(place)), fill=RULE, width=2 * _SMOOTH)
        disc(dot, 3 + 7 * float(np.sqrt(counts[pose] / largest)), fill=ACCENT)
    return canvas.resize((2 * half, 2 * half), Image.Resampling.LANCZOS)
