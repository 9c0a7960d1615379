"""Pictures inside a page: as `data:` URIs, and many frames as one sprite."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from mirage.contracts import ByteArray
from mirage.report.canvas import enlarge

GUTTER = 2  # pixels of its own edge round each frame of a sprite
_COLUMNS = 8  # frames a line of a sprite
_SMALLEST, _LARGEST = 96, 192  # height of frames on the page, pixels
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


def page_frame(frame: ByteArray) -> Image.Image:
    """A frame [H, W, 3] as the page keeps it: the browser does the rest of the enlarging."""
    picture = enlarge(frame, _SMALLEST)
    if picture.height > _LARGEST:
        size = (round(picture.width * _LARGEST / picture.height), _LARGEST)
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
