"""A photo cut so that its object is where the run's photos have theirs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

from mirage.contracts import FloatArray
from mirage.parts.framing import Frame, differ, object_frame, window

Window = tuple[float, float, float]  # left, top, side; in units of the photo's padded square

_ROUNDS = 3  # a small object is only coarsely seen before the photo is cut
_LEAST_PIXELS = 32  # a side of what is cut out; below it there is too little to see


def place(
    photo: Image.Image, usual: Frame, find_mask: Callable[[Image.Image], FloatArray]
) -> tuple[Image.Image, Window | None]:
    """Cut `photo`, or put more round it, unless its object is about where it should be.

    Args:
        usual: where it should be. find_mask: the mask [h, w] of a photo's object, over the square
            that the photo is padded to.

    Returns:
        The photo, and the square of it that was taken; None where it was left as it is.
    """
    placed, taken = photo, None
    whole: Window = (0.0, 0.0, 1.0)
    for _ in range(_ROUNDS):
        frame = object_frame(find_mask(placed))
        if frame is None or not differ(frame, usual):
            break
        left, top, side = window(frame, usual)
        outer = whole if taken is None else taken
        within = outer[0] + left * outer[2], outer[1] + top * outer[2], side * outer[2]
        if within[2] * max(photo.size) < _LEAST_PIXELS:
            break
        placed, taken = cut(photo, within), within
    return placed, taken


def cut(photo: Image.Image, taken: Window) -> Image.Image:
    """That square of the photo; beyond the photo, the median colour of its border."""
    longest = max(photo.size)
    left = taken[0] * longest - (longest - photo.width) / 2
    top = taken[1] * longest - (longest - photo.height) / 2
    side = max(1, round(taken[2] * longest))
    pixels = np.asarray(photo)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    colour = tuple(int(c) for c in np.median(border, axis=0))
    square = Image.new("RGB", (side, side), colour)
    square.paste(photo, (-round(left), -round(top)))
    return square
