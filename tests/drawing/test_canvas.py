"""What panels are drawn with: sizes, colours, and rows that are set apart."""

import numpy as np
import pytest
from PIL import Image

from mirage.drawing import canvas


@pytest.mark.parametrize(("side", "large"), [(32, 96), (48, 96), (64, 128), (96, 96), (300, 300)])
def test_small_images_are_enlarged_by_a_whole_factor(side: int, large: int) -> None:
    assert canvas.enlarge(np.zeros((side, side, 3), np.uint8)).size == (large, large)


def test_palette_has_distinct_colours() -> None:
    assert len(np.unique(canvas.palette(64), axis=0)) == 64


def tile(colour: str) -> canvas.Tile:
    return canvas.Tile(Image.new("RGB", (96, 96), colour))


def test_a_ruled_row_is_lower_and_below_a_line() -> None:
    plain = canvas.draw_rows([canvas.Row("", [tile("red")]), canvas.Row("", [tile("blue")])], 1)
    ruled = canvas.draw_rows(
        [canvas.Row("", [tile("red")]), canvas.Row("", [tile("blue")], ruled=True)], 1
    )
    assert ruled.height == plain.height + 2 * canvas.GAP
    for picture in (plain, ruled):
        pixels = np.asarray(picture)
        assert (pixels == (0, 0, 255)).all(axis=-1).sum() == 96 * 96
        assert (pixels == (255, 0, 0)).all(axis=-1).sum() == 96 * 96


def test_panels_beside_one_another_are_whole_below_their_heading() -> None:
    panels = [canvas.draw_rows([canvas.Row("", [tile(c)])], 1) for c in ("red", "blue")]
    joined = np.asarray(canvas.beside(panels, "a heading"))
    for colour in ((255, 0, 0), (0, 0, 255)):
        rows, _ = np.nonzero((joined == colour).all(axis=-1))
        assert len(rows) == 96 * 96 and rows.min() == 34 + canvas.MARGIN
    assert joined.shape[1] == 2 * panels[0].width - canvas.MARGIN
    assert canvas.beside(panels, "a heading " * 20).width > joined.shape[1]
