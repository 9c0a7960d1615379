"""How much of a photo's border its object covers: one that is cut off covers a lot."""

from __future__ import annotations

import numpy as np

from mirage.contracts import FloatArray


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
