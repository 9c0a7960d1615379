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
    np.testing.assert_allclose(found, [(12**2 - 1) / (6**2 - 1), 1.0])


def test_a_waist_is_narrower_than_both_bands_whichever_is_above() -> None:
    waist = np.maximum(box(2, 6, 14, 12), 0.0)
    waist[7:11, 6:9] = waist[7:11, 15:18] = 0.0
    waist[2:5, 5] = 0.8
    broad, ends = outline_figures(waist[None])[0]
    assert broad < 1.0 and ends > 1.2
    np.testing.assert_allclose(outline_figures(waist[None, ::-1])[0], [broad, ends])


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
