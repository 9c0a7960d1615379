"""A circle that closes after half a turn is unfolded, from a sample where there are many photos."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic.circles import azimuths, folded

from mirage.core.angles import align_rings
from mirage.poses.circle.search import Photos
from mirage.poses.circle.unfold import best_unfolding


@pytest.mark.parametrize(
    ("num", "seen"), [(700, 700), pytest.param(2600, 2000, marks=pytest.mark.e2e)]
)
def test_twice_the_azimuth_leads_to_the_azimuth(num: int, seen: int) -> None:
    true = azimuths(num)
    photos = Photos(*folded(true), seed=0)
    rows, found = best_unfolding(photos, (2 * true) % 360, seed=0)
    assert len(rows) == len(set(rows)) == seen and found.shape == (seen,)
    error = align_rings(found, true[rows]).error(found, true[rows])
    assert np.median(error) < 6.0 and (error > 90).mean() < 0.02
