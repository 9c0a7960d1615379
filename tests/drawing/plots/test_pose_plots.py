"""Plots of pose discovery: what stands out is what should."""

import numpy as np
import pytest
from PIL import Image

from mirage.drawing.plots import pose_plots


def accent(picture: Image.Image) -> np.ndarray:
    """[H, W] whether a pixel has the accent's colour."""
    red, green, blue = np.asarray(picture).astype(int).transpose(2, 0, 1)
    return (red > 170) & (green < 100) & (blue < 60)


COUNTS, BITS = np.array([24, 6, 12]), np.array([0.9, 0.2, 0.5])  # in any order


def test_the_count_taken_is_marked_at_its_place() -> None:
    where = []
    for taken in (6, 12, 24):
        picture = pose_plots.stability_curve(COUNTS, BITS, BITS - 0.1, BITS + 0.1, taken)
        spots = accent(picture)
        spots[-150:, -320:] = False  # the legend
        where.append(np.argwhere(spots).mean(axis=0))
    rows, columns = np.array(where).T
    assert (np.diff(columns) > 50).all()  # finer to the right
    assert (np.diff(rows) < 0).all()  # and more left open


def test_the_reason_is_written_above() -> None:
    plain, said = (
        pose_plots.stability_curve(COUNTS, BITS, BITS, BITS, 24, why)
        for why in ("", "24 poses: the finest that two discoveries agree on " * 3)
    )
    top = np.s_[:40]
    assert np.asarray(plain)[top].std() < np.asarray(said)[top].std()


def test_lengths_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="low"):
        pose_plots.stability_curve(COUNTS, BITS, BITS[:2], BITS, 24)
    with pytest.raises(ValueError, match="accuracy"):
        pose_plots.reliability_plot([0.1, 0.9], [0.5], [3.0, 2.0], [5, 5])


def test_weak_poses_have_less_than_a_quarter_of_the_median() -> None:
    assert pose_plots.weak_poses([100, 80, 24, 25, 120]).tolist() == [0, 0, 0, 0, 0]
    assert pose_plots.weak_poses([100, 80, 24, 25, 140, 120, 110]).tolist() == [0, 0, 1, 0, 0, 0, 0]


def test_weak_poses_stand_out_in_the_order_of_the_ring() -> None:
    azimuth = np.array([300.0, 60.0, 180.0])
    for weak, side in ((1, -1), (2, 0), (0, 1)):  # at 60°, 180°, 300°: left, middle, right
        sizes = np.full(3, 100)
        sizes[weak] = 20
        picture = pose_plots.pose_sizes(sizes, azimuth)
        tall = accent(picture).sum(axis=0)
        bar = np.flatnonzero(tall > 20).mean() / picture.width
        assert np.sign(round(4 * (bar - 0.53))) == side
    assert (accent(pose_plots.pose_sizes(np.full(3, 100), azimuth)).sum(axis=0) < 20).all()


def test_error_is_drawn_beside_accuracy() -> None:
    confidence = np.linspace(0.1, 0.9, 10)
    picture = pose_plots.reliability_plot(confidence, confidence, 20 - 15 * confidence, [9] * 10)
    columns = np.flatnonzero(accent(picture).any(axis=0))
    assert columns.min() > picture.width / 2
