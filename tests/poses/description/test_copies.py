"""Copies differ in framing, light and focus, and in nothing that tells the pose."""

from __future__ import annotations

import numpy as np

from mirage.core.contracts import ByteArray
from mirage.poses.description.copies import copy_photos

SIDE = 64


def objects(num: int) -> ByteArray:
    """[num, SIDE, SIDE, 3] grey, and in the middle a box that is light at the upper left."""
    photos = np.full((num, SIDE, SIDE, 3), 120, np.uint8)
    photos[:, 20:44, 16:48] = 40
    photos[:, 20:32, 16:32] = 230
    return photos


def copies(num: int = 160, seed: int = 0) -> ByteArray:
    return copy_photos(objects(num), np.random.default_rng(seed))


def test_copies_are_photos_and_the_same_for_one_seed() -> None:
    found = copies()
    assert found.shape == (160, SIDE, SIDE, 3) and found.dtype == np.uint8
    np.testing.assert_array_equal(found, copies())
    assert (found != copies(seed=1)).any()


def test_none_is_turned_round_or_over() -> None:
    mean = copies().astype(float).mean(axis=(0, 3))
    upper_left = mean[23:30, 20:29].mean()
    upper_right, lower_left = mean[23:30, 35:44].mean(), mean[35:42, 20:29].mean()
    assert upper_left > upper_right + 80.0 and upper_left > lower_left + 80.0


def test_they_are_framed_and_lit_otherwise() -> None:
    found = copies().astype(float)
    assert found.mean(axis=(1, 2, 3)).std() > 15.0  # exposures
    tints = found.mean(axis=(1, 2))
    assert (tints[:, 0] / tints[:, 2]).std() > 0.1  # white balance
    contrast = np.abs(np.diff(found.mean(axis=3), axis=2))
    extent = [
        np.ptp(np.flatnonzero(edges.sum(axis=0) > 0.3 * edges.sum(axis=0).max()))
        for edges in contrast
    ]
    assert np.percentile(extent, 90) > 1.4 * np.percentile(extent, 10)  # scales


def test_photos_are_left_as_they_are() -> None:
    photos = objects(8)
    copy_photos(photos, np.random.default_rng(0))
    np.testing.assert_array_equal(photos, objects(8))
