"""How a photo shows its object: how much of the border it covers, and where in the photo it is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mirage.core.contracts import ByteArray, FloatArray, Frame, Window
from mirage.parts.silhouette import find_silhouettes

WHOLE: Window = (0.0, 0.0, 1.0)  # of a picture
_STRAY = 0.03  # share of a mask that may lie beyond either end of its object's box
_ALIKE, _OFF_CENTRE = 1.25, 0.15  # ratio of sizes, and shift by a share of the size, let pass
_BROAD = 0.76  # of a picture's side, as masks see it: they miss the ends, a ninth each
_LET_IN = 0.9  # of the objects fit at their full height


def border_share(mask: FloatArray, size: tuple[int, int], fit: str) -> float:
    """The share in [0, 1] of the patches along the photo's border that are the object.

    Args:
        mask: [h, w] in [0, 1] over the square that the photo was made into; above 0.5 is the
            object.
        size: width and height of the photo before, pixels.
        fit: how it became a square. What `pad` put round it is not the photo.
    """
    rows, cols = mask.shape
    top = left = 0
    if fit == "pad":
        width, height = size
        longest = max(size)
        top = min(round((1 - height / longest) / 2 * rows), (rows - 1) // 2)
        left = min(round((1 - width / longest) / 2 * cols), (cols - 1) // 2)
    inner = mask[top : rows - top, left : cols - left] > 0.5
    border = np.ones_like(inner)
    border[1:-1, 1:-1] = False
    return float(inner[border].mean())


def object_frame(mask: FloatArray) -> Frame | None:
    """The box that holds all but a few hundredths of a mask, on each side.

    Args:
        mask: [h, w] in [0, 1]; above 0.5 is the object. None where nothing is.
    """
    inside = np.asarray(mask) > 0.5
    if not inside.any():
        return None
    left, right = _ends(inside.mean(axis=0))
    top, bottom = _ends(inside.mean(axis=1))
    return Frame((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)


def find_frames(masks: FloatArray, photos: ByteArray) -> list[Frame | None]:
    """The frame of each photo's object, by masks [B, h, w] snapped to the edges of the photos.

    Masks alone are too coarse: they take low objects for higher than they are.

    Args:
        photos: [B, H, W, 3] uint8.
    """
    return [object_frame(silhouette) for silhouette in find_silhouettes(masks, photos)]


def usual_frame(frames: Sequence[Frame]) -> Frame:
    """The square that has the median of each of the frames' middles, and of their longer sides."""
    x, y, side = (float(np.median([getattr(f, n) for f in frames])) for n in ("x", "y", "side"))
    return Frame(x, y, side, side)


def target_frame(frames: Sequence[Frame], how: str) -> Frame:
    """What objects are fitted into, in the middle of the picture.

    Args:
        how: `height`: all get the same height, which a turn about the vertical leaves alone; it is
            as large as lets the breadth of nine in ten objects in, and the others are made
            smaller. `box`: the longer side of each is the same.
    """
    if how == "box":
        return Frame(0.5, 0.5, _BROAD, _BROAD)
    broad = float(np.quantile([frame.width / frame.height for frame in frames], _LET_IN))
    return Frame(0.5, 0.5, _BROAD, min(_BROAD, _BROAD / broad))


def differ(frame: Frame, usual: Frame) -> bool:
    """Whether an object is so far from where others are that its photo should be cut anew."""
    ratio = frame.side / usual.side
    off = max(abs(frame.x - usual.x), abs(frame.y - usual.y)) / usual.side
    return not 1 / _ALIKE <= ratio <= _ALIKE or off > _OFF_CENTRE


def within(inner: Window, outer: Window) -> Window:
    """A window of what is seen through another, as a window of the photo."""
    left, top, side = outer
    return left + inner[0] * side, top + inner[1] * side, inner[2] * side


def through(frame: Frame, window: Window) -> Frame:
    """Where an object is in the photo that was found in what a window shows of it."""
    left, top, side = window
    x, y = left + frame.x * side, top + frame.y * side
    return Frame(x, y, frame.width * side, frame.height * side)


def _ends(profile: FloatArray) -> tuple[float, float]:
    """Between which shares of a profile's length all but its faintest ends lie, [0, 1]."""
    gone = np.concatenate([[0.0], profile.cumsum() / profile.sum()])
    places = np.linspace(0.0, 1.0, len(gone))
    low, high = np.interp([_STRAY, 1 - _STRAY], gone, places)
    stretch = (high - low) / (1 - 2 * _STRAY) - (high - low)  # what an even profile would lose
    return float(max(low - stretch / 2, 0.0)), float(min(high + stretch / 2, 1.0))
