"""What the panels are drawn with: colours, type, crisp enlargement, and tiles with captions."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mirage.core.contracts import ByteArray, FloatArray, check_shape

PAPER, INK, MUTED, RULE, ACCENT = "#fcfcfa", "#1c2024", "#6a7178", "#dcdcd6", "#c2410c"
MARGIN = 24  # pixels round a panel
GAP = 6  # pixels between tiles
MIN_SIDE = 96  # small images are enlarged by a whole factor to about this, pixels


@lru_cache
def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, as matplotlib ships it, so that every machine draws the same panel."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts/ttf", name), size)


def enlarge(image: ByteArray, side: int = MIN_SIDE) -> Image.Image:
    """An [H, W, 3] uint8 image, enlarged by the smallest whole factor to a height ≥ 0.9 `side`.

    Lanczos, so that thumbnails of 32 to 64 px read as pictures; larger ones are left as they are.
    """
    check_shape("image", image, (None, None, 3))
    picture = Image.fromarray(np.ascontiguousarray(image))
    factor = max(1, int(np.ceil(0.9 * side / image.shape[0])))
    if factor == 1:
        return picture
    return picture.resize(
        (picture.width * factor, picture.height * factor), Image.Resampling.LANCZOS
    )


def palette(count: int) -> ByteArray:
    """[count, 3] uint8 colours, neighbours far apart: hues by the golden angle, three tones."""
    tones = ((0.72, 0.90), (0.52, 0.98), (0.85, 0.68))  # saturation, value
    colours = [
        colorsys.hsv_to_rgb(index * 0.61803398875 % 1.0, *tones[index % 3])
        for index in range(count)
    ]
    return np.round(np.array(colours).reshape(count, 3) * 255).astype(np.uint8)


def resize_map(values: FloatArray, height: int, width: int) -> FloatArray:
    """A map [h, w] of floats, bilinearly to [height, width]."""
    picture = Image.fromarray(np.asarray(values, dtype=np.float32))
    return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR), dtype=float)


@dataclass(frozen=True)
class Tile:
    """A picture in a grid, with an optional caption below and an accent frame."""

    picture: Image.Image
    caption: str = ""
    framed: bool = False


@dataclass(frozen=True)
class Row:
    """A title beside lines of tiles; further lines of the title are drawn muted.

    A ruled row is set apart from the one above by a line.
    """

    title: str
    tiles: Sequence[Tile]
    ruled: bool = False


def draw_rows(rows: Sequence[Row], columns: int, *, heading: str = "") -> Image.Image:
    """Rows of tiles under one another, at most `columns` tiles a line, titles in a left column."""
    tiles = [tile for row in rows for tile in row.tiles]
    cell_width = max((tile.picture.width for tile in tiles), default=MIN_SIDE)
    cell_height = max((tile.picture.height for tile in tiles), default=MIN_SIDE)
    caption_height = 18 if any(tile.caption for tile in tiles) else 0
    line_height = cell_height + caption_height + GAP
    title_width = max((_title_width(row.title) for row in rows), default=0)
    left = MARGIN + (title_width + 16 if title_width else 0)
    top = MARGIN + (34 if heading else 0)
    used = min(columns, max((len(row.tiles) for row in rows), default=0))
    lines = [max(1, -(-len(row.tiles) // columns)) for row in rows]
    width = max(left + used * (cell_width + GAP) - GAP, MARGIN + _width(heading, 16, True)) + MARGIN
    apart = 2 * GAP * sum(row.ruled for row in rows)
    height = top + sum(lines) * line_height + (len(rows) - 1) * GAP + apart + MARGIN - GAP
    canvas = Image.new("RGB", (width, max(height, 2 * MARGIN)), PAPER)
    draw = ImageDraw.Draw(canvas)
    if heading:
        draw.text((MARGIN, MARGIN - 4), heading, INK, font(16, bold=True))
    for row, num_lines in zip(rows, lines, strict=True):
        if row.ruled:
            draw.line((MARGIN, top, width - MARGIN, top), fill=RULE, width=1)
            top += 2 * GAP
        _draw_title(draw, row.title, top + cell_height // 2)
        for index, tile in enumerate(row.tiles):
            x = left + index % columns * (cell_width + GAP)
            y = top + index // columns * line_height
            _draw_tile(canvas, tile, x, y, cell_width, cell_height)
        top += num_lines * line_height + GAP
    return canvas


def beside(panels: Sequence[Image.Image], heading: str) -> Image.Image:
    """Panels next to each other under one heading, aligned at the top."""
    top = 34
    width = sum(panel.width for panel in panels) - MARGIN * (len(panels) - 1)
    width = max(width, 2 * MARGIN + _width(heading, 16, True))
    canvas = Image.new("RGB", (width, top + max(panel.height for panel in panels)), PAPER)
    left = 0
    for panel in panels:
        canvas.paste(panel, (left, top))
        left += panel.width - MARGIN  # neighbours share a margin
    ImageDraw.Draw(canvas).text((MARGIN, MARGIN - 4), heading, INK, font(16, bold=True))
    return canvas


def _width(text: str, size: int, bold: bool = False) -> int:
    return int(np.ceil(font(size, bold).getlength(text)))


def _title_width(title: str) -> int:
    first, *rest = title.split("\n")
    return max(_width(first, 14, True), *(_width(line, 12) for line in rest), 0)


def _draw_title(draw: ImageDraw.ImageDraw, title: str, middle: int) -> None:
    lines = title.split("\n")
    y = middle - 9 * len(lines)
    for index, line in enumerate(lines):
        size, bold, colour = (14, True, INK) if index == 0 else (12, False, MUTED)
        draw.text((MARGIN, y + 18 * index), line, colour, font(size, bold))


def _draw_tile(canvas: Image.Image, tile: Tile, x: int, y: int, width: int, height: int) -> None:
    inset_x, inset_y = (width - tile.picture.width) // 2, (height - tile.picture.height) // 2
    canvas.paste(tile.picture, (x + inset_x, y + inset_y))
    draw = ImageDraw.Draw(canvas)
    if tile.framed:
        draw.rectangle((x - 3, y - 3, x + width + 2, y + height + 2), outline=ACCENT, width=3)
    if tile.caption:
        colour = ACCENT if tile.framed else MUTED
        draw.text((x + width // 2, y + height + 14), tile.caption, colour, font(11), anchor="ms")
