"""Pictures inside a page: as `data:` URIs, and many frames as one sprite."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from mirage.core.contracts import ByteArray
from mirage.drawing.canvas import enlarge

GUTTER = 2  # pixels of its own edge round each frame of a sprite
_COLUMNS = 8  # frames a line of a sprite
_SMALLEST, _LARGEST = 96, 192  # height of frames on the page, pixels
_LEAST = 48  # height below which a frame shows nothing, pixels
_BUDGET = 16_000_000  # bytes that the frames of a page may take
# Photos of cars of 192 px took 7,150 bytes each inside a page, of 96 px 3,200, of 48 px 1,200.
_FRAME, _GROWTH = 8000, 1.3  # bytes of the largest, and the power of the height that they grow by
_WEBP_LIMIT = 16383  # longest side WebP can hold, pixels


def data_uri(picture: Image.Image, quality: int = 85) -> str:
    """A picture as a `data:` URI: WebP, or PNG where it is too long for WebP.

    What is transparent in part is kept exactly.
    """
    kind = "webp" if max(picture.size) <= _WEBP_LIMIT else "png"
    exact = picture.mode == "RGBA"
    buffer = io.BytesIO()
    kept = picture if exact else picture.convert("RGB")
    kept.save(buffer, kind, quality=quality, method=4, lossless=exact)
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def frame_height(count: int) -> int:
    """The height of a page's `count` frames, pixels: as large as lets them stay in its budget.

    Some 13,000 frames fit in; more are not made smaller yet.
    """
    fitting = _LARGEST * (_BUDGET / (_FRAME * max(count, 1))) ** (1 / _GROWTH)
    return int(min(max(fitting, _LEAST), _LARGEST)) // 16 * 16


def page_frame(frame: ByteArray, height: int = _LARGEST) -> Image.Image:
    """A frame [H, W, 3] as the page keeps it: the browser does the rest of the enlarging."""
    picture = enlarge(frame, min(_SMALLEST, height))
    if picture.height > height:
        size = (round(picture.width * height / picture.height), height)
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    return picture


def sprite(pictures: Sequence[Image.Image]) -> Image.Image:
    """Pictures of one size in reading order on a grid, each with a gutter of its own edge."""
    columns, rows = grid(len(pictures))
    width, height = (side + 2 * GUTTER for side in pictures[0].size)
    whole = Image.new("RGB", (columns * width, rows * height))
    pad = ((GUTTER, GUTTER), (GUTTER, GUTTER), (0, 0))
    for index, picture in enumerate(pictures):
        cell = Image.fromarray(np.pad(np.asarray(picture), pad, mode="edge"))
        whole.paste(cell, (index % columns * width, index // columns * height))
    return whole


def grid(count: int) -> tuple[int, int]:
    """Columns and rows of a sprite of `count` frames."""
    columns = min(count, _COLUMNS)
    return columns, -(-count // columns)


def position(index: int, count: int) -> str:
    """The CSS background-position of frame `index` of a sprite of `count`."""
    columns, rows = grid(count)
    x, y = index % columns, index // columns
    return f"{100 * x / max(columns - 1, 1):.4f}% {100 * y / max(rows - 1, 1):.4f}%"
