"""How much of the border an object covers, of the photo and not of what was put round it."""

import numpy as np
import pytest

from mirage.parts.framing import (
    Frame,
    border_share,
    differ,
    object_frame,
    usual_frame,
    window,
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
    frame = object_frame(mask)
    assert frame == Frame(pytest.approx(0.5), pytest.approx(0.3), pytest.approx(0.5))
    mask[19, 0] = 1.0  # a stray patch
    stray = object_frame(mask)
    assert stray is not None and stray.side == pytest.approx(0.5, abs=0.05)
    assert object_frame(np.full((20, 20), 0.4)) is None


def test_the_window_has_the_object_where_others_have_it() -> None:
    frame, usual = Frame(0.2, 0.6, 0.2), Frame(0.5, 0.55, 0.8)
    left, top, side = window(frame, usual)
    assert ((frame.x - left) / side, (frame.y - top) / side) == pytest.approx((0.5, 0.55))
    assert frame.side / side == pytest.approx(0.8)
    assert differ(frame, usual) and not differ(usual, usual)
    assert differ(Frame(0.5, 0.7, 0.8), usual)
    assert usual_frame([usual, usual, frame]) == usual
