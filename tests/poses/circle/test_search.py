"""The search finds what splits lead to, and rates a curve by photos that it has not seen."""

from __future__ import annotations

import numpy as np
from synthetic.circles import azimuths, whole

from mirage.core.angles import align_rings
from mirage.poses.circle.search import Photos, first_curves, highest_rated, split_further

TRUE = azimuths(700)
PHOTOS = Photos(*whole(TRUE), seed=0)


def test_a_curve_that_confuses_front_and_rear_is_split() -> None:
    confused = PHOTOS.refine(np.where(np.cos(np.deg2rad(TRUE)) > 0, TRUE, (180 - TRUE) % 360))
    found = highest_rated(split_further(PHOTOS, [confused], seed=0)).curve.azimuth
    error = align_rings(found, TRUE).error(found, TRUE)
    assert np.median(error) < 6.0 and (error > 90).mean() < 0.01


def test_the_search_ends_no_worse_than_it_began() -> None:
    found, outline = first_curves(PHOTOS)
    assert outline.shape == TRUE.shape
    end = highest_rated(split_further(PHOTOS, found, seed=0))
    assert end.rating > max(rated.rating for rated in found) - 0.1


def test_the_right_curve_is_rated_above_one_that_mixes_views() -> None:
    right = PHOTOS.refine(TRUE)
    merged = (2 * TRUE) % 360.0  # with front and rear at one end, and a side at the other
    for wrong in (np.random.default_rng(0).permutation(TRUE), merged):
        assert right.rating > PHOTOS.refine(wrong).rating
    assert right.nats.shape == TRUE.shape and right.rating == right.nats.mean()


def test_crowded_photos_count_less_in_the_rating() -> None:
    crowded = np.concatenate([azimuths(300), azimuths(900, 40.0, 44.0, seed=1)])
    alike, evened = (Photos(*whole(crowded), 0, evened) for evened in (0.0, 1.0))
    curve = alike.refit(crowded)
    in_crowd, others = (part.mean() for part in np.split(alike.rate(curve).nats, [300])[::-1])
    assert in_crowd > others  # a crowd is likely
    assert evened.rate(curve).rating < alike.rate(curve).rating


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
