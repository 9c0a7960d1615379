"""The poses on their ring, and one azimuth on a small one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw
from scipy.optimize import isotonic_regression

from mirage.core.angles import in_degrees
from mirage.core.contracts import ByteArray, FloatArray, IntArray, check_shape
from mirage.core.errors import MirageError
from mirage.drawing.canvas import ACCENT, INK, MUTED, PAPER, RULE, enlarge, font

FULL_CIRCLE = (0.0, 360.0)

_CAPTION = 17  # height of a thumbnail's caption, pixels
_SMOOTH = 3  # vector strokes are drawn this much larger, then reduced


def ring_picture(
    azimuth: FloatArray,
    thumbnails: ByteArray,
    counts: IntArray,
    score: float,
    titles: Sequence[str] | None = None,
    span: tuple[float, float] = FULL_CIRCLE,
) -> Image.Image:
    """The poses on a circle at their azimuth, 0° at the top and clockwise.

    Args:
        azimuth: [K] degrees.
        thumbnails: [K, H, W, 3] uint8, a typical or mean picture a pose.
        counts: [K] photos a pose; the dot on the circle has that area.
        score: how well the ring closes, in [0, 1].
        titles: [K] captions; "pose k" by default.
        span: first and last azimuth that the photos cover, degrees; only that arc is drawn.
    """
    num_poses = len(azimuth)
    check_shape("thumbnails", thumbnails, (num_poses, None, None, 3))
    check_shape("counts", counts, (num_poses,))
    if num_poses == 0:
        raise MirageError(
            "a ring of no poses has no picture",
            where="report.ring.ring_picture",
            todo="find poses first",
        )
    pictures = [enlarge(thumbnail, 72) for thumbnail in thumbnails]
    # centres a tile's diagonal apart never overlap, whichever way they lie
    width = max(picture.width for picture in pictures)
    height = max(picture.height for picture in pictures) + _CAPTION
    apart = float(np.hypot(width, height)) + 2
    reach = max(150.0 + 0.8 * apart, 1.04 * apart / (2 * np.sin(np.pi / max(num_poses, 2))))
    true = np.asarray(azimuth, dtype=float)
    angles = spread(true, float(np.degrees(2 * np.arcsin(apart / (2 * reach)))))
    places = [reach * _direction(angle) for angle in angles]
    half = int(reach + max(width, height) / 2 + 16)
    circle = _Circle(half, reach - 0.8 * apart)
    circle.draw_scale(span)
    circle.draw_poses(true, places, counts)
    canvas = circle.picture()
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
    if (covered := arc_of(span)[1]) < 360:
        draw.text((half, half + 54), f"an arc of {covered:.0f}°", ACCENT, font(13), anchor="mm")
    return canvas


def compass(
    azimuth: float, poses: FloatArray, side: int, span: tuple[float, float] = FULL_CIRCLE
) -> Image.Image:
    """A small ring, `side` pixels square: a grey dot a pose [K], and a hand at `azimuth` degrees.

    It stands as the large ring does: 0° at the top and clockwise.
    """
    circle = _Circle(side // 2, 0.36 * side)
    circle.draw_arc(span)
    for degrees in poses:
        circle.disc(circle.radius * _direction(float(degrees)), 2.5, fill=MUTED)
    circle.draw_hand(azimuth)
    picture = circle.picture().resize((side, side))
    # the number stands on the side that the hand leaves free
    x, y = side / 2 - 0.16 * side * _direction(azimuth)
    ImageDraw.Draw(picture).text((x, y), in_degrees(azimuth), INK, font(14, bold=True), anchor="mm")
    return picture


def _direction(azimuth: float) -> FloatArray:
    """Unit vector (x right, y down) of an azimuth on the picture."""
    angle = np.radians(azimuth)
    return np.array([np.sin(angle), -np.cos(angle)])


def spread(azimuth: FloatArray, gap: float) -> FloatArray:
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
    spaced = np.empty(len(azimuth))
    spaced[order] = np.clip(free, middle - room, middle + room) + steps
    return spaced


class _Circle:
    """A circle in the middle of a square of 2 `half` pixels, drawn large and then reduced."""

    def __init__(self, half: int, radius: float) -> None:
        self.half, self.radius = half, radius
        self._canvas = Image.new("RGB", (2 * half * _SMOOTH, 2 * half * _SMOOTH), PAPER)
        self._draw = ImageDraw.Draw(self._canvas)

    def picture(self) -> Image.Image:
        return self._canvas.resize((2 * self.half, 2 * self.half), Image.Resampling.LANCZOS)

    def draw_arc(self, span: tuple[float, float]) -> None:
        low, width = arc_of(span)
        (x, y), r = self._at(np.zeros(2)), self.radius * _SMOOTH
        # Pillow counts from the right, we from the top; both clockwise
        self._draw.arc(
            (x - r, y - r, x + r, y + r), low - 90, low - 90 + width, fill=RULE, width=2 * _SMOOTH
        )

    def draw_scale(self, span: tuple[float, float]) -> None:
        self.draw_arc(span)
        low, width = arc_of(span)
        for degrees in range(0, 360, 30):
            if (degrees - low) % 360 > width:
                continue
            way = _direction(degrees)
            inner = self.radius - (10 if degrees % 90 == 0 else 5)
            line = (self._at(inner * way), self._at(self.radius * way))
            self._draw.line(line, fill=MUTED, width=_SMOOTH)
            if degrees % 90 == 0:
                place = self._at((self.radius - 26) * way)
                self._draw.text(place, f"{degrees}°", MUTED, font(12 * _SMOOTH), anchor="mm")

    def draw_poses(self, azimuth: FloatArray, places: list[FloatArray], counts: IntArray) -> None:
        """A dot a pose, of its share's area, and a line from it to its thumbnail."""
        largest = max(int(np.max(counts, initial=1)), 1)
        dots = [self.radius * _direction(degrees) for degrees in azimuth]
        for dot, place in zip(dots, places, strict=True):
            self._draw.line((self._at(dot), self._at(place)), fill=RULE, width=2 * _SMOOTH)
        for dot, count in zip(dots, counts, strict=True):
            self.disc(dot, 3 + 7 * float(np.sqrt(count / largest)), fill=ACCENT)

    def draw_hand(self, azimuth: float) -> None:
        tip = self.radius * _direction(azimuth)
        self._draw.line((self._at(np.zeros(2)), self._at(tip)), fill=ACCENT, width=2 * _SMOOTH)
        self.disc(tip, 6, fill=ACCENT)

    def disc(self, point: FloatArray, size: float, *, fill: str) -> None:
        (x, y), r = self._at(point), size * _SMOOTH
        self._draw.ellipse((x - r, y - r, x + r, y + r), fill=fill)

    def _at(self, point: FloatArray) -> tuple[float, float]:
        return float((self.half + point[0]) * _SMOOTH), float((self.half + point[1]) * _SMOOTH)


def arc_of(span: tuple[float, float]) -> tuple[float, float]:
    """Where a span begins, and how wide it is: degrees in (0, 360]."""
    low, high = span
    return low, (high - low) % 360.0 or 360.0
