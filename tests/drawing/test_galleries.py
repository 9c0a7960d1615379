"""Flip pairs and doubtful photos: who stands below whom, and flipped."""

import numpy as np
from PIL import Image

from mirage.drawing import canvas, galleries


def two_sided(left: tuple[int, int, int], right: tuple[int, int, int]) -> np.ndarray:
    image = np.empty((96, 96, 3), np.uint8)
    image[:, :48], image[:, 48:] = left, right
    return image


def places(picture: Image.Image, colour: tuple[int, int, int]) -> tuple[float, float]:
    """Mean row and column of a colour."""
    rows, columns = np.nonzero((np.asarray(picture) == colour).all(axis=-1))
    return float(rows.mean()), float(columns.mean())


A, B, C, D = (250, 0, 0), (0, 250, 0), (0, 0, 250), (250, 250, 0)


def test_the_mirror_pose_stands_below_and_flipped() -> None:
    picture = galleries.flip_pairs(
        [[two_sided(A, B)], [two_sided(C, D)]], np.array([1, 0]), np.array([10.0, 350.0])
    )
    (a, b, c, d) = (places(picture, colour) for colour in (A, B, C, D))
    assert c[0] == d[0] > a[0] == b[0] + 0.0
    assert a[1] < b[1] and d[1] < c[1]  # the lower one is flipped
    assert a[1] == d[1] and b[1] == c[1]
    assert picture.height < 3 * 96 + 2 * canvas.MARGIN  # the pair is shown once


def test_a_pose_that_is_its_own_mirror_stands_above_itself() -> None:
    picture = galleries.flip_pairs([[two_sided(A, B)]], np.array([0]), np.array([0.0]))
    pixels = np.asarray(picture)
    assert (pixels == A).all(axis=-1).sum() == 2 * 96 * 48
    assert places(picture, A)[1] == places(picture, B)[1]


def test_every_doubt_is_shown_in_its_group() -> None:
    def doubt(colour: tuple[int, int, int]) -> galleries.Doubt:
        return galleries.Doubt(np.full((128, 128, 3), colour, np.uint8), 3, 120.0, 0.04)

    groups = [("least sure", [doubt(A)] * 3), ("outliers", [doubt(B)])]
    picture = galleries.doubtful_photos(groups, columns=2)
    pixels = np.asarray(picture)
    assert (pixels == A).all(axis=-1).sum() == 3 * 128 * 128
    assert (pixels == B).all(axis=-1).sum() == 128 * 128
    assert places(picture, B)[0] > places(picture, A)[0]
