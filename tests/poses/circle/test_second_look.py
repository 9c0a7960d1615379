"""Photos that were put on the wrong half are put back by those that look like them."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic.circles import ODD, azimuths

from mirage.core.angles import circular_distance
from mirage.core.contracts import FloatArray
from mirage.poses.circle.second_look import look_again


def of_two_kinds(azimuth: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Of photos and mirror images of two kinds: the front of one looks like the other's rear.

    The last coordinate but one tells the kind, and no linear reading tells the end.
    """
    rng = np.random.default_rng(0)
    a, kind = np.deg2rad(azimuth), rng.integers(0, 2, len(azimuth))
    ahead = np.where(kind > 0, np.cos(a), -np.cos(a))
    clean = np.stack([ahead, np.sin(a), 0 * a, 0 * a, 2.0 * kind, 0 * a], axis=1)
    noise = rng.normal(size=(2, len(azimuth), 6)) * 0.05
    return clean + noise[0], clean * ODD + noise[1]


def test_the_wrong_are_moved_and_the_right_are_left() -> None:
    true = azimuths(600)
    photos, mirrored = of_two_kinds(true)
    wrong = np.random.default_rng(1).random(600) < 0.1
    given = np.where(wrong, (true + 180.0) % 360.0, true)
    found = look_again(photos, mirrored, given, seed=0)
    error = circular_distance(found, true)
    # At the sides of these kinds nothing tells: what is not sure stays.
    ends = np.abs(np.cos(np.deg2rad(true))) > 0.3
    assert (error[wrong & ends] < 60.0).mean() > 0.9
    assert (found[~wrong] == given[~wrong]).mean() > 0.99


def test_it_knows_nothing_of_a_photo_but_its_looks() -> None:
    """Whatever the azimuth that one photo had, the others put it in the same place."""
    true = azimuths(300)
    photos, mirrored = of_two_kinds(true)
    front = int(circular_distance(true, 0.0).argmin())
    places = []
    for offset in (150.0, 180.0, 210.0):
        given = true.copy()
        given[front] += offset
        places.append(look_again(photos, mirrored, given, seed=0)[front])
    assert np.ptp(places) < 1e-6 and circular_distance(places[0], true[front]) < 60.0


@pytest.mark.parametrize("num", [1, 3, 12])
def test_few_photos_pass(num: int) -> None:
    photos, mirrored = of_two_kinds(azimuths(num))
    found = look_again(photos, mirrored, azimuths(num), seed=0)
    assert found.shape == (num,) and np.isfinite(found).all()
