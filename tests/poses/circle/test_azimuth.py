"""The circle is found, and unfolded where front and rear look alike."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic.circles import azimuths, folded, whole

from mirage.core.angles import align_rings
from mirage.core.contracts import FloatArray
from mirage.poses.circle.azimuth import find_azimuths


def error(found: FloatArray, true: FloatArray) -> FloatArray:
    return align_rings(found, true).error(found, true)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.e2e)])
def test_the_fold_is_undone(seed: int) -> None:
    true = azimuths(700)
    off = error(find_azimuths(*folded(true), seed), true)
    assert np.median(off) < 6.0
    assert (off > 90).mean() < 0.02


def test_a_circle_that_is_not_folded_stays_whole() -> None:
    true = azimuths(400)
    assert np.median(error(find_azimuths(*whole(true), 0), true)) < 6.0


def test_zero_is_a_view_that_is_its_own_mirror_image() -> None:
    true = azimuths(400)
    found = find_azimuths(*folded(true), 0)
    near = np.minimum(found, 360 - found) < 10
    ends = np.minimum(np.abs((true[near] + 90) % 180 - 90), 180)
    assert np.median(ends) < 10.0
