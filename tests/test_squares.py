"""Photos become squares in three ways; what reads them is of one size."""

from __future__ import annotations

import numpy as np
from PIL import Image

from mirage.squares import to_square


def test_pad_keeps_the_aspect_and_fills_with_the_border_colour() -> None:
    photo = np.full((10, 20, 3), (200, 10, 60), np.uint8)
    photo[3:7, 5:15] = 0
    out = to_square(Image.fromarray(photo), 40, "pad")
    assert out.shape == (40, 40, 3)
    assert (out[:10] == (200, 10, 60)).all() and (out[30:] == (200, 10, 60)).all()
    assert (out[18:22, 14:26] < 10).all()


def test_crop_takes_the_middle_and_stretch_takes_all() -> None:
    photo = np.zeros((10, 30, 3), np.uint8)
    photo[:, 10:20] = 255
    assert to_square(Image.fromarray(photo), 10, "crop").min() == 255
    assert abs(to_square(Image.fromarray(photo), 30, "stretch").mean() - 85) < 3


def test_shrinking_is_antialiased() -> None:
    board = np.kron(np.indices((64, 64)).sum(axis=0) % 2, np.ones((1, 1))) * 255
    photo = Image.fromarray(board.astype(np.uint8)).convert("RGB")
    assert np.abs(to_square(photo, 8, "stretch").astype(int) - 127).max() < 30
