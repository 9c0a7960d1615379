"""Pictures of a run: pose clusters, the ring, part masks, contact sheets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw
from scipy.optimize import isotonic_regression

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

_CAPTION = 17  # height of a thumbnail's caption, pixels
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
        large = np.asarray(enlarge(image))
        faded = _fade_background(large, part_map @ weight)
        tiles += [
            Tile(Image.fromarray(large), "photo"),
            Tile(Image.fromarray(_paint_parts(large, part_map, colours)), "parts"),
            Tile(Image.fromarray(faded), "foreground"),
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
    if num_poses == 0:
        raise MirageError(
            "a ring of no poses has no picture",
            where="report.panels.ring_picture",
            todo="find poses first",
        )
    pictures = [enlarge(thumbnail, 72) for thumbnail in thumbnails]
    # centres a tile's diagonal apart never overlap, whichever way they lie
    width = max(picture.width for picture in pictures)
    height = max(picture.height for picture in pictures) + _CAPTION
    apart = float(np.hypot(width, height)) + 2
    reach = max(150.0 + 0.8 * apart, 1.04 * apart / (2 * np.sin(np.pi / max(num_poses, 2))))
    true = np.asarray(azimuth, dtype=float)
    angles = _spread(true, float(np.degrees(2 * np.arcsin(apart / (2 * reach)))))
    places = [reach * _direction(angle) for angle in angles]
    half = int(reach + max(width, height) / 2 + 16)
    canvas = _draw_circle(half, reach - 0.8 * apart, true, places, counts)
    draw = ImageDraw.Draw(canvas)
    for pose, (picture, place) in enumerate(zip(pictures, places, strict=True)):
        x, y = half + int(place[0]), half + int(place[1])
        left, top = x - picture.width // 2, y - (picture.height + _CAPTION) // 2
        # a mat round picture and caption hides the end of its line
        box = (left, top, left + picture.width - 1, top + picture.height + _CAPTION - 1)
        draw.rectangle(box, fill=PAPER)
        canvas.paste(picture, (left, top))
        title = titles[pose] if titles else f"pose {pose}"
        draw.text((x, top + picture.height + 13), title, MUTED, font(11), anchor="ms")
    draw.text((half, half - 16), f"{num_poses} poses", INK, font(20, bold=True), anchor="mm")
    draw.text((half, half + 10), f"{int(np.sum(counts))} photos", MUTED, font(13), anchor="mm")
    draw.text((half, half + 32), f"ring score {score:.2f}", MUTED, font(13), anchor="mm")
    return canvas


def _direction(azimuth: float) -> FloatArray:
    """Unit vector (x right, y down) of an azimuth on the picture."""
    angle = np.radians(azimuth)
    return np.array([np.sin(angle), -np.cos(angle)])


def _spread(azimuth: FloatArray, gap: float) -> FloatArray:
    """[K] angles as near to `azimuth` as can be, none closer than `gap` degrees to the next.

    With the circle cut at its widest gap, angle minus rank · gap must not decrease: an isotonic
    regression, clipped so that the ends keep their distance across the cut.
    """
    order = np.argsort(azimuth, kind="stable")
    ordered = azimuth[order]
    cut = int(np.argmax(np.diff(ordered, append=ordered[:1] + 360.0))) + 1
    order, ordered = np.roll(order, -cut), np.unwrap(np.roll(ordered, -cut), period=360.0)
    steps = gap * np.arange(len(azimuth))
    free = isotonic_regression(ordered - steps).x
    middle, room = (free[0] + free[-1]) / 2, (360.0 - gap * len(azimuth)) / 2
    spread = np.empty(len(azimuth))
    spread[order] = np.clip(free, middle - room, middle + room) + steps
    return spread


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
    dots = [radius * _direction(degrees) for degrees in azimuth]
    for dot, place in zip(dots, places, strict=True):
        draw.line((at(dot), at(place)), fill=RULE, width=2 * _SMOOTH)
    for dot, count in zip(dots, counts, strict=True):
        disc(dot, 3 + 7 * float(np.sqrt(count / largest)), fill=ACCENT)
    return canvas.resize((2 * half, 2 * half), Image.Resampling.LANCZOS)
