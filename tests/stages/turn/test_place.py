"""Photos cut so that their object is where others have it; here a red disc is the object."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from mirage.contracts import FloatArray
from mirage.parts.framing import Frame, differ, object_frame
from mirage.squares import to_square
from mirage.stages.turn.place import cut, place

USUAL = Frame(0.5, 0.55, 0.7)


def find_mask(photo: Image.Image) -> FloatArray:
    """As coarse as a backbone's: 10 × 10 patches."""
    red = to_square(photo, 160, "pad")[..., 0] > 128
    patches: FloatArray = red.reshape(10, 16, 10, 16).mean(axis=(1, 3))
    return patches


def photo_of(size: tuple[int, int], x: float, y: float, radius: float) -> Image.Image:
    photo = Image.new("RGB", size, (20, 60, 90))
    box = (x - radius, y - radius, x + radius, y + radius)
    ImageDraw.Draw(photo).ellipse(box, fill=(255, 0, 0))
    return photo


@pytest.mark.parametrize(("size", "x", "y", "radius"), [
    ((640, 480), 150, 300, 70),  # small and off the middle
    ((480, 640), 240, 320, 60),
    ((600, 600), 300, 300, 299),  # fills it
    ((300, 100), 150, 50, 49),
])  # fmt: skip
def test_the_object_comes_where_others_have_it(
    size: tuple[int, int], x: float, y: float, radius: float
) -> None:
    photo = photo_of(size, x, y, radius)
    placed, taken = place(photo, USUAL, find_mask)
    assert taken is not None
    frame = object_frame(find_mask(placed))
    assert frame is not None and not differ(frame, USUAL)
    assert placed.width == placed.height == round(taken[2] * max(size))
    red = np.asarray(placed)[..., 0] > 128
    true_side = max(red.any(axis=0).sum(), red.any(axis=1).sum()) / placed.width
    assert true_side == pytest.approx(USUAL.side, rel=0.25)


def test_a_photo_like_the_others_is_left_alone() -> None:
    photo = photo_of((400, 400), 200, 220, 140)
    placed, taken = place(photo, USUAL, find_mask)
    assert placed is photo and taken is None


def test_nothing_seen_and_too_little_to_see_are_left_alone() -> None:
    for photo in (Image.new("RGB", (64, 64)), photo_of((90, 90), 45, 45, 10)):
        assert place(photo, USUAL, find_mask) == (photo, None)


def test_beyond_the_photo_lies_the_colour_of_its_border() -> None:
    photo = photo_of((100, 50), 50, 25, 10)
    square = np.asarray(cut(photo, (-0.5, -0.5, 2.0)))
    assert square.shape == (200, 200, 3)
    assert np.array_equal(square[75:125, 50:150], np.asarray(photo))
    outside = np.ones((200, 200), bool)
    outside[75:125, 50:150] = False
    assert (square[outside] == (20, 60, 90)).all()
