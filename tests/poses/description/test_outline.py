"""Figures of outlines: breadth over height, and of bands, whatever size, place and side."""

from __future__ import annotations

import numpy as np

from mirage.poses.description.outline import outline_figures


def box(top: int, left: int, height: int, width: int) -> np.ndarray:
    mask = np.zeros((24, 24))
    mask[top : top + height, left : left + width] = 0.8
    return mask


def test_a_box_is_as_broad_above_as_below() -> None:
    (found,) = outline_figures(box(3, 2, 6, 12)[None])
    np.testing.assert_allclose(found, [(12**2 - 1) / (6**2 - 1), 1.0, 1.0])


def test_a_back_is_broad_above() -> None:
    chair = np.maximum(box(2, 6, 8, 12), box(10, 9, 8, 6))
    broad, ends, upper = outline_figures(chair[None])[0]
    assert broad < 1.0 and upper > 2.0
    flipped = outline_figures(chair[None, ::-1])[0]
    np.testing.assert_allclose(flipped, [broad, ends, 1 / upper])


def test_place_size_and_mirroring_do_not_count() -> None:
    masks = np.stack([box(3, 2, 6, 12), box(9, 11, 6, 12)])
    masks[:, :3] += np.stack([box(3, 2, 3, 4), box(9, 11, 3, 4)])[:, :3]
    both = np.concatenate([masks, masks[:, :, ::-1]])
    figures = outline_figures(both)
    np.testing.assert_allclose(figures, figures[:1].repeat(4, axis=0))
    large = np.kron(masks[0], np.ones((2, 2)))[None]
    np.testing.assert_allclose(outline_figures(large)[0], figures[0], rtol=0.05)


def test_where_nothing_is_there_is_no_figure() -> None:
    assert np.isnan(outline_figures(np.zeros((1, 8, 8)))).all()
