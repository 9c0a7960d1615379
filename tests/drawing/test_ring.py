"""The ring: every pose apart, and where its azimuth says."""

import numpy as np
import pytest
from PIL import Image, ImageColor

from mirage.drawing import canvas
from mirage.drawing import ring as ringed

RNG = np.random.default_rng(0)


def solid(colour: tuple[int, int, int], side: int = 32) -> np.ndarray:
    return np.full((side, side, 3), colour, dtype=np.uint8)


def count(picture: Image.Image, colour: tuple[int, int, int]) -> int:
    return int((np.asarray(picture) == colour).all(axis=-1).sum())


@pytest.mark.parametrize("num_poses", [1, 3, 12, 36])
def test_ring_shows_every_pose_apart_even_when_bunched(num_poses: int) -> None:
    thumbnails = np.stack([solid((200, 100, pose)) for pose in range(num_poses)])
    azimuth = np.concatenate([RNG.uniform(0, 20, num_poses - 1), [355.0]])
    picture = ringed.ring_picture(azimuth, thumbnails, np.arange(num_poses) + 1, 0.5)
    assert picture.width == picture.height
    for pose in range(num_poses):
        assert count(picture, (200, 100, pose)) == 96 * 96, "a thumbnail is covered or cut"


def test_ring_puts_zero_at_the_top_and_ninety_on_the_right() -> None:
    thumbnails = np.stack([solid((200, 100, pose)) for pose in range(4)])
    picture = ringed.ring_picture(np.array([0.0, 90, 180, 270]), thumbnails, np.ones(4, int), 1.0)
    pixels, half = np.asarray(picture), picture.width / 2

    def centre(pose: int) -> np.ndarray:
        rows, columns = np.nonzero((pixels == (200, 100, pose)).all(axis=-1))
        return np.array([columns.mean() - half, rows.mean() - half])

    assert centre(0)[1] < -100 and abs(centre(0)[0]) < 12
    assert centre(1)[0] > 100 and abs(centre(1)[1]) < 12
    assert centre(2)[1] > 100 and centre(3)[0] < -100


def test_spread_keeps_order_and_gap_and_leaves_alone_what_is_apart() -> None:
    apart = np.array([300.0, 20.0, 110.0])
    moved = ringed.spread(apart, 30.0)
    np.testing.assert_allclose(np.mod(moved, 360), apart)
    bunched = RNG.uniform(350, 370, 11) % 360
    spread = np.sort(np.mod(ringed.spread(bunched, 30.0), 360))
    assert np.diff(spread, append=spread[0] + 360).min() >= 30.0 - 1e-6


def test_an_arc_leaves_the_rest_of_the_circle_out() -> None:
    """Right of the middle lies 0° to 180°; the left half is beyond an arc of 60° to 120°."""
    thumbnails = np.stack([solid((200, 100, pose)) for pose in range(3)])
    azimuth, sizes = np.array([60.0, 90, 120]), np.ones(3, int)
    whole, arc = (
        np.asarray(ringed.ring_picture(azimuth, thumbnails, sizes, 0.3, span=span))
        for span in (ringed.FULL_CIRCLE, (60.0, 120.0))
    )
    left = np.s_[:, : whole.shape[1] // 2 - 100]
    paper = ImageColor.getrgb(canvas.PAPER)
    assert (whole[left] != paper).any() and (arc[left] == paper).all()


@pytest.mark.parametrize(
    ("span", "arc"),
    [
        ((0.0, 360.0), (0.0, 360.0)),
        ((300.0, 60.0), (300.0, 120.0)),
        ((30.0, 150.0), (30.0, 120.0)),
        ((20.0, 380.0), (20.0, 360.0)),
    ],
)
def test_a_span_may_go_over_zero(span: tuple[float, float], arc: tuple[float, float]) -> None:
    assert ringed.arc_of(span) == arc


@pytest.mark.parametrize("azimuth", [0.0, 90.0, 200.0, 315.0])
def test_the_hand_of_the_compass_points_to_its_azimuth(azimuth: float) -> None:
    pixels = np.asarray(ringed.compass(azimuth, np.arange(0, 360, 30.0), 161)).astype(int)
    assert pixels.shape == (161, 161, 3)
    red, green, blue = pixels.transpose(2, 0, 1)
    y, x = np.nonzero((red - blue > 120) & (red - green > 80))
    turned = np.degrees(np.arctan2(x.mean() - 80, 80 - y.mean())) % 360
    assert abs((turned - azimuth + 180) % 360 - 180) < 3
