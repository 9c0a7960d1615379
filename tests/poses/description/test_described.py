"""A part of a sample is what describing those photos alone would have given."""

from __future__ import annotations

import numpy as np

from mirage.poses.description.described import Copies, Sampled, mirror_signs

RNG = np.random.default_rng(0)
COPIED = np.array([1, 3, 4, 8])
SAMPLE = Sampled(
    RNG.normal(size=(10, 3)),
    RNG.normal(size=(10, 3)),
    RNG.normal(size=(10, 2)),
    copies=Copies(RNG.normal(size=(4, 3)), COPIED, mirror_signs(np.arange(4))),
    sides=RNG.random(10),
)


def test_copies_keep_their_photos_and_sides() -> None:
    kept = np.isin(np.arange(10), [0, 3, 5, 8, 9])
    azimuth = RNG.uniform(0, 360, 10)
    taken = SAMPLE.take(kept)
    assert SAMPLE.copies is not None and taken.copies is not None and taken.sides is not None
    np.testing.assert_array_equal(taken.photos, SAMPLE.photos[kept])
    descriptors, at = taken.copies.at(azimuth[kept])
    own = np.isin(COPIED, [3, 8])
    np.testing.assert_array_equal(descriptors, SAMPLE.copies.descriptors[own])
    np.testing.assert_array_equal(at, SAMPLE.copies.at(azimuth)[1][own])
    assert len(taken.sides) == len(taken.outline) == len(taken.mirrored) == 5


def test_all_is_the_sample_itself() -> None:
    taken = SAMPLE.take(np.ones(10, bool))
    np.testing.assert_array_equal(taken.photos, SAMPLE.photos)
    assert taken.copies is not None and SAMPLE.copies is not None
    np.testing.assert_array_equal(taken.copies.rows, SAMPLE.copies.rows)
    assert taken.object_sides == SAMPLE.object_sides
