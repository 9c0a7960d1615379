"""How much of the border an object covers, of the photo and not of what was put round it."""

import numpy as np
import pytest

from mirage.core.contracts import Frame
from mirage.parts.framing import (
    border_share,
    differ,
    find_frames,
    object_frame,
    target_frame,
    through,
    usual_frame,
    within,
)


def test_an_object_in_the_middle_touches_nothing() -> None:
    mask = np.zeros((16, 16))
    mask[1:15, 1:15] = 1.0
    assert border_share(mask, (64, 64), "pad") == 0.0


def test_an_object_cut_on_two_sides_covers_half_the_border() -> None:
    mask = np.zeros((16, 16))
    mask[:, [0, -1]] = 0.8
    assert border_share(mask, (64, 64), "pad") == pytest.approx(32 / 60)
    assert border_share(np.ones((16, 16)), (64, 64), "crop") == 1.0


def test_padding_is_not_the_photo() -> None:
    """A wide photo, 16 × 8 patches: the object fills it from top to bottom, between bars."""
    mask = np.zeros((16, 16))
    mask[4:12, 4:12] = 1.0
    assert border_share(mask, (200, 100), "pad") == pytest.approx(16 / 44)
    assert border_share(mask.T, (100, 200), "pad") == pytest.approx(16 / 44)
    assert border_share(mask, (200, 100), "stretch") == 0.0


def test_the_narrowest_photo_has_a_border() -> None:
    assert border_share(np.ones((16, 16)), (1000, 1), "pad") == 1.0


def test_an_objects_frame_is_the_box_round_it() -> None:
    mask = np.zeros((20, 20))
    mask[4:8, 5:15] = 1.0
    assert object_frame(mask) == Frame(*map(pytest.approx, (0.5, 0.3, 0.5, 0.2)))
    mask[19, 0] = 1.0  # a stray patch
    stray = object_frame(mask)
    assert stray is not None and stray.side == pytest.approx(0.5, abs=0.05)
    assert object_frame(np.full((20, 20), 0.4)) is None


def test_frames_follow_the_edges_of_the_photo_and_not_the_coarse_mask() -> None:
    """A low bar that fills two rows of patches, and a quarter of those above and below."""
    photo = np.full((160, 160, 3), 40, np.uint8)
    photo[60:100, 30:130] = 220
    mask = (photo[..., 0] > 100).reshape(10, 16, 10, 16).mean(axis=(1, 3))
    coarse = object_frame(mask)
    (frame,) = find_frames(mask[None], photo[None])
    assert coarse is not None and coarse.height == pytest.approx(0.2)
    assert frame is not None and frame.height == pytest.approx(0.25, abs=0.02)


def test_by_height_all_are_as_high_but_for_those_that_would_not_fit() -> None:
    frames = [Frame(0.5, 0.5, width, 0.3) for width in np.linspace(0.3, 0.9, 11)]
    target = target_frame(frames, "height")
    shown = [(f.width / f.window(target)[2], f.height / f.window(target)[2]) for f in frames]
    assert all(width <= target.width + 1e-9 for width, _ in shown)
    assert all(height == pytest.approx(target.height) for _, height in shown[:-1])
    assert shown[-1][1] < target.height


def test_high_objects_are_as_high_as_they_fit_and_boxes_are_square() -> None:
    tall = target_frame([Frame(0.5, 0.5, 0.2, 0.8)], "height")
    assert tall.height == tall.width
    box = target_frame([Frame(0.5, 0.5, 0.8, 0.2)], "box")
    assert box.height == box.width


def test_a_window_of_a_window_is_one_of_the_photo() -> None:
    assert within((0.0, 0.0, 1.0), (0.1, 0.2, 0.5)) == (0.1, 0.2, 0.5)
    assert within((0.5, 0.5, 0.5), (0.1, 0.2, 0.4)) == pytest.approx((0.3, 0.4, 0.2))


def test_objects_that_are_elsewhere_or_of_another_size_differ() -> None:
    usual = Frame(0.5, 0.55, 0.8, 0.8)
    assert differ(Frame(0.2, 0.6, 0.2, 0.1), usual) and not differ(usual, usual)
    assert differ(Frame(0.5, 0.7, 0.8, 0.4), usual)
    assert usual_frame([usual, usual, Frame(0.1, 0.1, 0.1, 0.1)]) == usual


def test_what_a_window_shows_is_found_in_the_photo() -> None:
    """An object that a window was laid round, found where the window was to have it."""
    where, wanted = Frame(0.3, 0.6, 0.2, 0.1), Frame(0.5, 0.4, 0.5, 0.5)
    window = where.window(wanted)
    assert window[2] == pytest.approx(0.4)
    seen = Frame(0.5, 0.4, 0.5, 0.25)  # the window's side is 0.4 of the photo's
    back = through(seen, window)
    assert [back.x, back.y, back.width, back.height] == pytest.approx([0.3, 0.6, 0.2, 0.1])
