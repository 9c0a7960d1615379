"""Photos become squares in three ways; what reads them is of one size."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from mirage.images.decoding.squares import extrapolate, to_frame, to_square


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


def test_a_window_shows_that_square_of_the_photo() -> None:
    """A photo of 40 × 20; its square begins 10 pixels above it."""
    ramp = np.broadcast_to(np.arange(40, dtype=np.uint8)[None, :, None] * 6, (20, 40, 3))
    photo = Image.fromarray(np.ascontiguousarray(ramp))
    seen = to_square(photo, 20, "pad", (0.25, 0.25, 0.5))
    assert np.array_equal(seen, np.asarray(photo)[:, 10:30])
    halved = to_square(photo, 10, "pad", (0.25, 0.25, 0.5)).astype(int)
    assert np.abs(halved - seen.reshape(10, 2, 10, 2, 3).mean(axis=(1, 3))).max() < 4


@pytest.mark.parametrize("size", [24, 37, 64])
def test_beyond_the_photo_it_goes_on_ever_more_blurred(size: int) -> None:
    rng = np.random.default_rng(0)
    photo = Image.fromarray(rng.integers(0, 256, (30, 60, 3), np.uint8))
    seen = to_frame(photo, size, (-0.5, -0.5, 2.0)).astype(float)
    low, high = round(0.375 * size), round(0.625 * size)
    inside, outside = seen[low:high], np.concatenate([seen[: low - 2], seen[high + 2 :]])
    steps = [np.abs(np.diff(part, axis=1)).mean() for part in (inside[:, size // 3 :], outside)]
    assert steps[1] < 0.3 * steps[0]  # nothing to learn there
    assert abs(outside.mean() - np.asarray(photo).mean()) < 12


def test_a_window_for_the_bank_has_the_colour_of_the_border_beyond_the_photo() -> None:
    photo = Image.new("RGB", (100, 50), (20, 60, 90))
    photo.paste((255, 0, 0), (40, 20, 60, 30))
    square = to_square(photo, 200, "pad", (-0.5, -0.5, 2.0))
    assert np.array_equal(square[75:125, 50:150], np.asarray(photo))
    outside = np.ones((200, 200), bool)
    outside[75:125, 50:150] = False
    assert (square[outside] == (20, 60, 90)).all()


def test_a_window_beside_the_photo_shows_the_colour_of_its_border() -> None:
    photo = Image.new("RGB", (30, 20), (9, 80, 200))
    assert (to_square(photo, 8, "pad", (2.0, 2.0, 0.5)) == (9, 80, 200)).all()


def test_what_is_there_is_kept_where_pictures_go_on() -> None:
    pictures = torch.randint(0, 256, (2, 8, 16, 3), dtype=torch.uint8)
    square = extrapolate(pictures, 16, 4)
    assert square.shape == (2, 16, 16, 3) and torch.equal(square[:, 4:12], pictures)
    plain = extrapolate(torch.full_like(pictures, 77), 16, 4)
    assert (plain == 77).all()
