"""Photos cut so that their object is where others have it; here a red disc is the object."""

from __future__ import annotations

import pytest
from PIL import Image, ImageDraw

from mirage.core.contracts import FloatArray, Frame, Window
from mirage.generation.place import place
from mirage.images.decoding.squares import to_square
from mirage.parts.framing import differ, object_frame

USUAL = Frame(0.5, 0.55, 0.7, 0.7)


def mask_of(photo: Image.Image, window: Window | None) -> FloatArray:
    """As coarse as a backbone's: 10 × 10 patches."""
    red = to_square(photo, 160, "pad", window)[..., 0] > 128
    patches: FloatArray = red.reshape(10, 16, 10, 16).mean(axis=(1, 3))
    return patches


def place_in(photo: Image.Image) -> Window | None:
    return place(max(photo.size), USUAL, lambda window: mask_of(photo, window))


def photo_of(size: tuple[int, int], x: float, y: float, radius: float) -> Image.Image:
    photo = Image.new("RGB", size, (20, 60, 90))
    box = (x - radius, y - radius, x + radius, y + radius)
    ImageDraw.Draw(photo).ellipse(box, fill=(255, 0, 0))
    return photo


@pytest.mark.parametrize(
    ("size", "x", "y", "radius"),
    [
        ((640, 480), 150, 300, 70),  # small and off the middle
        ((480, 640), 240, 320, 60),
        ((600, 600), 300, 300, 299),  # fills it
        ((300, 100), 150, 50, 49),
    ],
)
def test_the_object_comes_where_others_have_it(
    size: tuple[int, int], x: float, y: float, radius: float
) -> None:
    photo = photo_of(size, x, y, radius)
    window = place_in(photo)
    assert window is not None
    frame = object_frame(mask_of(photo, window))
    assert frame is not None and not differ(frame, USUAL)
    assert 2 * radius / (window[2] * max(size)) == pytest.approx(USUAL.side, rel=0.25)


def test_a_photo_like_the_others_is_left_alone() -> None:
    assert place_in(photo_of((400, 400), 200, 220, 140)) is None


def test_nothing_seen_and_too_little_to_see_are_left_alone() -> None:
    for photo in (Image.new("RGB", (64, 64)), photo_of((90, 90), 45, 45, 10)):
        assert place_in(photo) is None
