"""A curve that goes twice round is unfolded, and one that does not is left as it is."""

from __future__ import annotations

import numpy as np
from synthetic.circles import azimuths, detailed, whole

from mirage.core.angles import align_rings, circular_difference
from mirage.core.contracts import FloatArray
from mirage.poses.circle.fold import undo_fold
from mirage.poses.circle.search import Photos

TRUE = azimuths(600)


def test_a_fold_is_undone_though_it_is_rated_above_what_it_is_a_fold_of() -> None:
    photos = Photos(*detailed(TRUE), seed=0)
    fold, right = photos.refine((2 * TRUE) % 360.0), photos.refine(TRUE)
    assert fold.rating > right.rating + 1.0  # it has harmonics for the details
    found = undo_fold(photos, fold, seed=0).curve.azimuth
    error = align_rings(found, TRUE).error(found, TRUE)
    assert np.median(error) < 6.0 and (error > 90.0).mean() < 0.02


def test_the_right_curve_is_left_as_it_is() -> None:
    for descriptors in (detailed, whole):
        photos = Photos(*descriptors(TRUE), seed=0)
        right = photos.refine(TRUE)
        assert undo_fold(photos, right, seed=0) is right


def kinds(azimuth: FloatArray) -> FloatArray:
    """[n, 1] 0 or 1."""
    return np.random.default_rng(0).integers(0, 2, (len(azimuth), 1)).astype(float)


def two_kinds(azimuth: FloatArray, kind: FloatArray) -> tuple[FloatArray, FloatArray]:
    """[n, 8] descriptors of objects of two kinds, and their mirror images."""
    noise = np.random.default_rng(1).normal(0.0, 0.02, (2, len(azimuth), 1))
    points, mirrored = (
        np.concatenate([part, 0.3 * kind * part[:, :1], 0.5 * kind + off], axis=1)
        for part, off in zip(whole(azimuth), noise, strict=True)
    )
    return points, mirrored


def test_two_kinds_of_object_are_no_fold() -> None:
    """Round the one kind and then round the other explains more, and yet the object turned once."""
    kind = kinds(TRUE)
    photos = Photos(*two_kinds(TRUE, kind), seed=0)
    half = circular_difference(TRUE, 0.0) / 2
    right, by_kind = photos.refine(TRUE), photos.refine(half + 180.0 * kind[:, 0])
    assert photos.fine_rating(by_kind.curve) > photos.fine_rating(right.curve) + 1.0
    assert undo_fold(photos, right, seed=0) is right


def test_two_kinds_are_no_fold_where_photos_leave_a_gap() -> None:
    """Then neither curve closes, and nothing tells that the other one jumps."""
    true = azimuths(600, 30.0, 330.0)
    photos = Photos(*two_kinds(true, kinds(true)), seed=0)
    right = photos.refine(true)
    assert undo_fold(photos, right, seed=0) is right
