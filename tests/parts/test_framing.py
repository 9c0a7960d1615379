"""How much of the border an object covers, of the photo and not of what was put round it."""

import numpy as np
import pytest

from mirage.parts.framing import border_share


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
