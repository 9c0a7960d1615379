"""The search finds what splits lead to, and rates a curve by what can be read of it."""

from __future__ import annotations

import numpy as np
from synthetic.circles import azimuths, whole

from mirage.core.angles import align_rings
from mirage.poses.circle.search import Photos, first_curves, split_further

TRUE = azimuths(700)
PHOTOS = Photos(*whole(TRUE), seed=0)


def test_a_curve_that_confuses_front_and_rear_is_split() -> None:
    confused = PHOTOS.refine(np.where(np.cos(np.deg2rad(TRUE)) > 0, TRUE, (180 - TRUE) % 360))
    found = split_further(PHOTOS, [confused], seed=0)
    error = align_rings(found, TRUE).error(found, TRUE)
    assert np.median(error) < 6.0 and (error > 90).mean() < 0.01


def test_the_search_ends_no_worse_than_it_began() -> None:
    found, outline = first_curves(PHOTOS)
    assert outline.shape == TRUE.shape
    end = PHOTOS.refine(split_further(PHOTOS, found, seed=0))
    assert end.rating > max(rated.rating for rated in found) - 0.1


def test_what_cannot_be_read_lowers_the_rating() -> None:
    right = PHOTOS.refine(TRUE)
    wrong = PHOTOS.refine(np.random.default_rng(0).permutation(TRUE))
    assert 0 <= right.curve.likelihood - right.rating < 0.2
    assert right.rating > wrong.rating


def test_ends_where_photos_are_not_their_own_mirror_images_lower_the_rating() -> None:
    """A curve with front and rear at one end, and a side at the other, is no turn."""
    assert PHOTOS.lopsidedness(TRUE) < 0.1 < 0.8 < PHOTOS.lopsidedness((TRUE + 90.0) % 360.0)
    merged = (2 * TRUE) % 360.0
    assert PHOTOS.lopsidedness(merged) > 0.8
    assert PHOTOS.rate(PHOTOS.refine(TRUE).curve).rating > PHOTOS.refine(merged).rating


def test_an_end_that_nobody_photographed_lowers_no_rating() -> None:
    arc = azimuths(700, -135.0, 135.0)
    photos = Photos(*whole(arc), seed=0)
    assert photos.lopsidedness(arc) < 0.1 < 0.8 < photos.lopsidedness((arc + 90.0) % 360.0)


def test_annealing_bends_a_curve_as_a_whole() -> None:
    """Photos that are timed wrong all together stay so in a fit of many harmonics."""
    angle = np.deg2rad(TRUE)
    start = (TRUE + 40.0 * np.sin(angle) + 20.0 * np.sin(2 * angle)) % 360.0
    refined, annealed = PHOTOS.refine(start), PHOTOS.anneal(start)
    assert annealed.rating > refined.rating
    stays, bent = (rated.curve.azimuth for rated in (refined, annealed))
    assert align_rings(bent, TRUE).error(bent, TRUE).mean() < 10.0
    assert align_rings(stays, TRUE).error(stays, TRUE).mean() > 20.0


def test_annealing_leaves_what_is_right() -> None:
    right = PHOTOS.refine(TRUE)
    assert PHOTOS.anneal(TRUE).rating >= right.rating
    found = PHOTOS.anneal(TRUE).curve.azimuth
    assert align_rings(found, TRUE).error(found, TRUE).mean() < 10.0
