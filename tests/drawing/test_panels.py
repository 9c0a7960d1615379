"""Grids of pictures: every picture is there, at its size."""

import numpy as np
import pytest
from PIL import Image, ImageColor

from mirage.core.contracts import Orbit
from mirage.core.errors import MirageError
from mirage.drawing import canvas, panels

RNG = np.random.default_rng(0)


def solid(colour: tuple[int, int, int], side: int = 32) -> np.ndarray:
    return np.full((side, side, 3), colour, dtype=np.uint8)


def count(picture: Image.Image, colour: tuple[int, int, int]) -> int:
    return int((np.asarray(picture) == colour).all(axis=-1).sum())


def make_orbit(views: int = 6, side: int = 32) -> Orbit:
    frames = RNG.integers(0, 256, (views, side, side, 3)).astype(np.uint8)
    azimuth = np.arange(views) * 360.0 / views
    return Orbit(solid((10, 200, 30), side), frames, azimuth, np.arange(views), 2)


def test_montage_shows_every_image_of_every_group() -> None:
    red, blue = (250, 0, 10), (0, 10, 250)
    picture = panels.montage([("Pose 0\n12°", [solid(red)] * 5), ("Pose 1", [solid(blue)] * 2)], 3)
    assert count(picture, red) == 5 * 96 * 96
    assert count(picture, blue) == 2 * 96 * 96
    # the five wrap to two lines of three, so three lines in all
    assert 3 * 96 < picture.height < 4 * 96
    assert 3 * 96 < picture.width < 5 * 96


def test_montage_of_nothing_is_a_picture() -> None:
    assert min(panels.montage([]).size) > 0


def test_objects_turn_together_below_their_photos() -> None:
    orbits = [make_orbit(side=side) for side in (32, 32, 200)]
    sheet = panels.film_sheet(orbits)
    assert sheet.shape == (6, 2 * 160 + canvas.GAP, 3 * 160 + 2 * canvas.GAP, 3)
    for view in range(6):
        assert count(Image.fromarray(sheet[view, :160]), (10, 200, 30)) == 3 * 160 * 160
        middle = sheet[view, 160 + canvas.GAP :, 2 * (160 + canvas.GAP) :]
        assert abs(middle.mean() - orbits[2].frames[view].mean()) < 1.0
    assert len(panels.film_sheet([make_orbit()] * 9)[0, 0]) == 6 * 160 + 5 * canvas.GAP


def test_contact_sheet_frames_the_photo_and_shows_all_views() -> None:
    sheet = panels.contact_sheet([make_orbit(), make_orbit()], columns=6, names=["a", "b"])
    assert sheet.width >= 7 * 96 and sheet.height >= 2 * 96
    assert count(sheet, (10, 200, 30)) == 2 * 96 * 96
    assert count(sheet, ImageColor.getrgb(canvas.ACCENT)[:3]) >= 2 * 4 * 96 * 3
    with pytest.raises(MirageError, match="1 names for 2"):
        panels.contact_sheet([make_orbit(), make_orbit()], names=["a"])
