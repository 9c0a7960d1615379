"""Panels: sizes, places and colours of what is drawn."""

import numpy as np
import pytest
from PIL import Image, ImageColor

from mirage.contracts import Orbit
from mirage.errors import MirageError
from mirage.report import canvas, panels

RNG = np.random.default_rng(0)


def solid(colour: tuple[int, int, int], side: int = 32) -> np.ndarray:
    return np.full((side, side, 3), colour, dtype=np.uint8)


def count(picture: Image.Image, colour: tuple[int, int, int]) -> int:
    return int((np.asarray(picture) == colour).all(axis=-1).sum())


def make_orbit(views: int = 6, side: int = 32) -> Orbit:
    frames = RNG.integers(0, 256, (views, side, side, 3)).astype(np.uint8)
    azimuth = np.arange(views) * 360.0 / views
    return Orbit(solid((10, 200, 30), side), frames, azimuth, np.arange(views), 2)


@pytest.mark.parametrize(("side", "large"), [(32, 96), (48, 96), (64, 128), (96, 96), (300, 300)])
def test_small_images_are_enlarged_by_a_whole_factor(side: int, large: int) -> None:
    assert canvas.enlarge(solid((1, 2, 3), side)).size == (large, large)


def test_palette_has_distinct_colours() -> None:
    assert len(np.unique(canvas.palette(64), axis=0)) == 64


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


def test_contact_sheet_frames_the_photo_and_shows_all_views() -> None:
    sheet = panels.contact_sheet([make_orbit(), make_orbit()], columns=6, names=["a", "b"])
    assert sheet.width >= 7 * 96 and sheet.height >= 2 * 96
    assert count(sheet, (10, 200, 30)) == 2 * 96 * 96
    assert count(sheet, ImageColor.getrgb(canvas.ACCENT)[:3]) >= 2 * 4 * 96 * 3
    with pytest.raises(MirageError, match="1 names for 2"):
        panels.contact_sheet([make_orbit(), make_orbit()], names=["a"])


def test_foreground_keeps_the_object_and_fades_the_rest() -> None:
    image = solid((200, 0, 0), 96)
    part_map = np.zeros((8, 8, 2))
    part_map[:, :4, 0] = 1.0  # the object, on the left
    part_map[:, 4:, 1] = 1.0
    picture = panels.part_masks(image[None], part_map[None], np.array([1.0, 0.0]), columns=1)
    pixels = np.asarray(picture).astype(int)
    top = canvas.MARGIN + 48
    parts = canvas.MARGIN + 96 + canvas.GAP
    faded = parts + 96 + canvas.GAP
    assert tuple(pixels[top, faded + 10]) == (200, 0, 0)
    assert pixels[top, faded + 85].min() > 200
    red, green, blue = pixels[top, parts + 85]
    assert abs(green - blue) <= 1 and abs(red - green) <= 1  # background parts are grey
    assert np.ptp(pixels[top, parts + 10]) > 60


@pytest.mark.parametrize("num_poses", [1, 3, 12, 36])
def test_ring_shows_every_pose_apart_even_when_bunched(num_poses: int) -> None:
    thumbnails = np.stack([solid((200, 100, pose)) for pose in range(num_poses)])
    azimuth = np.concatenate([RNG.uniform(0, 20, num_poses - 1), [355.0]])
    picture = panels.ring_picture(azimuth, thumbnails, np.arange(num_poses) + 1, 0.5)
    assert picture.width == picture.height
    for pose in range(num_poses):
        assert count(picture, (200, 100, pose)) == 96 * 96, "a thumbnail is covered or cut"


def test_ring_puts_zero_at_the_top_and_ninety_on_the_right() -> None:
    thumbnails = np.stack([solid((200, 100, pose)) for pose in range(4)])
    picture = panels.ring_picture(np.array([0.0, 90, 180, 270]), thumbnails, np.ones(4, int), 1.0)
    pixels, half = np.asarray(picture), picture.width / 2

    def centre(pose: int) -> np.ndarray:
        rows, columns = np.nonzero((pixels == (200, 100, pose)).all(axis=-1))
        return np.array([columns.mean() - half, rows.mean() - half])

    assert centre(0)[1] < -100 and abs(centre(0)[0]) < 12
    assert centre(1)[0] > 100 and abs(centre(1)[1]) < 12
    assert centre(2)[1] > 100 and centre(3)[0] < -100


def test_spread_keeps_order_and_gap_and_leaves_alone_what_is_apart() -> None:
    apart = np.array([300.0, 20.0, 110.0])
    moved = panels._spread(apart, 30.0)
    np.testing.assert_allclose(np.mod(moved, 360), apart)
    bunched = RNG.uniform(350, 370, 11) % 360
    spread = np.sort(np.mod(panels._spread(bunched, 30.0), 360))
    assert np.diff(spread, append=spread[0] + 360).min() >= 30.0 - 1e-6
