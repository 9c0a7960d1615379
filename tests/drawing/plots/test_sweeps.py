"""Plots of sweeps: what is given is drawn, in the order and at the places it has."""

from __future__ import annotations

import numpy as np
import pytest

from mirage.drawing.plots.sweeps import Series, draw_panels

NAN = float("nan")


def pixels(*panels: list[Series]) -> np.ndarray:
    return np.asarray(draw_panels("x", {f"figure {i}": p for i, p in enumerate(panels)}))


def test_a_figure_is_a_panel() -> None:
    line = [Series("", [1, 2], [0.1, 0.2], [NAN, NAN])]
    one, two = pixels(line), pixels(line, line)
    assert two.shape[0] == one.shape[0] and two.shape[1] == 2 * one.shape[1]


def test_the_order_of_points_does_not_matter() -> None:
    line = Series("", [32, 64, 512], [0.1, 0.4, 0.2], [0.01, NAN, 0.02])
    mixed = Series("", [512, 32, 64], [0.2, 0.1, 0.4], [0.02, 0.01, NAN])
    np.testing.assert_array_equal(pixels([line]), pixels([mixed]))


@pytest.mark.parametrize("x", [[1, 2, 3], ["base", "wide", "deep"]])
def test_spread_is_drawn_where_there_is_one(x: list[object]) -> None:
    without = pixels([Series("", x, [0.1, 0.4, 0.2], [NAN] * 3)])
    with_spread = pixels([Series("", x, [0.1, 0.4, 0.2], [0.05, NAN, NAN])])
    assert (without != with_spread).any()


def test_a_logarithmic_axis_where_numbers_span_far() -> None:
    """Doublings lie evenly: the marks of 32, 64 … 512 are equally far apart."""
    line = Series("", [32, 64, 128, 256, 512], [0.5] * 5, [NAN] * 5)
    drawn = pixels([line])
    row = np.argmax((drawn < 60).all(axis=2).sum(axis=1))  # the line itself
    thick = (drawn[row - 4] < 90).all(axis=1)  # above it only the marks reach
    starts = np.flatnonzero(np.diff(thick.astype(int)) == 1)
    assert len(starts) == 5 and np.ptp(np.diff(starts)) <= 1


def test_nothing_to_draw_is_an_empty_panel() -> None:
    assert pixels([]).shape[2] == 3
