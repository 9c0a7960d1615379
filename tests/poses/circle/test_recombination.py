"""Two curves that are wrong about different photos make a right one."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic.circles import azimuths, whole

from mirage.core.angles import align_rings
from mirage.poses.circle.curve import Curve
from mirage.poses.circle.recombination import exchanges, recombine
from mirage.poses.circle.search import Photos

TRUE = azimuths(600)
PHOTOS = Photos(*whole(TRUE), seed=0)
AHEAD = np.cos(np.deg2rad(TRUE))
SOME = np.random.default_rng(0).random(len(TRUE)) < 0.4
BEHIND = (180.0 - TRUE) % 360.0
FRONTS, REARS = (np.where(SOME & end, BEHIND, TRUE) for end in (AHEAD > 0.8, AHEAD < -0.8))


@pytest.mark.parametrize("end", [0.0, 180.0])
@pytest.mark.parametrize("way", [1, -1])
def test_photos_change_over_however_the_other_ring_lies(end: float, way: int) -> None:
    offered = list(exchanges(FRONTS, end + way * REARS, PHOTOS.even))
    nearest = min(np.mean(align_rings(each, TRUE).error(each, TRUE)) for each in offered)
    assert nearest < 1e-6


def test_curves_that_agree_have_nothing_to_exchange() -> None:
    assert not list(exchanges(TRUE, 180.0 - TRUE, PHOTOS.even))


def test_what_comes_of_two_wrong_curves_is_right() -> None:
    wrong = [PHOTOS.rate(Curve(azimuth, 0.0)) for azimuth in (FRONTS, REARS)]
    best = recombine(PHOTOS, wrong)
    assert best.rating > max(rated.rating for rated in wrong) + 0.1
    error = align_rings(best.curve.azimuth, TRUE).error(best.curve.azimuth, TRUE)
    assert np.median(error) < 6.0 and (error > 90).mean() < 0.01


def test_one_curve_stays_as_it_is() -> None:
    only = PHOTOS.refine(TRUE)
    assert recombine(PHOTOS, [only]) is only
