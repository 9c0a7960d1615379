"""Azimuths wrap round; one ring is laid onto another in spite of noise, outliers and folds."""

from __future__ import annotations

import numpy as np
import pytest

from mirage.core.angles import (
    RingAlignment,
    align_rings,
    circular_difference,
    circular_distance,
    circular_mean,
    in_degrees,
    wrap,
)
from mirage.core.errors import MirageError

RNG = np.random.default_rng(0)


def test_people_read_whole_degrees_below_a_full_turn() -> None:
    assert [in_degrees(a) for a in (0.2, 359.4, 359.7, 90.0)] == ["0°", "359°", "0°", "90°"]


def test_means_and_differences_wrap_round() -> None:
    assert circular_mean([350.0, 30.0]) == pytest.approx(10.0)
    weighted = circular_mean(np.array([[0.0, 90.0]]), np.array([[1.0, 0.0]]))
    assert circular_difference(weighted, 0.0) == pytest.approx(0.0)
    assert circular_difference(5.0, 355.0) == pytest.approx(10.0)
    assert circular_difference(180.0, 0.0) == pytest.approx(-180.0)
    np.testing.assert_allclose(circular_distance([355.0, 5.0, 90.0], 0.0), [5, 5, 90])


def test_azimuths_stay_below_a_full_turn_and_as_precise_as_they_were() -> None:
    assert wrap(-1e-14) == 0.0
    np.testing.assert_allclose(wrap([-10.0, 370.0, 360.0]), [350, 10, 0])
    single = np.array([359.9, -1e-7], np.float32)
    assert wrap(single).dtype == np.float32 and (wrap(single) < 360).all()
    assert RingAlignment(0.1, 1).carry(single).dtype == np.float32
    assert circular_mean(single).dtype == np.float32


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("offset", [0.0, 123.4, 359.7])
@pytest.mark.parametrize("noise", [2.0, 5.0])
def test_alignment_is_recovered_through_noise_and_a_folded_third(
    direction: int, offset: float, noise: float
) -> None:
    source = RNG.uniform(0, 360, 600)
    target = wrap(direction * source + offset + RNG.normal(0, noise, 600))
    target[:200] = wrap(target[:200] + 180)
    alignment = align_rings(source, target)
    assert alignment.direction == direction
    assert circular_distance(alignment.offset, offset) < 0.4 * noise
    error = alignment.error(source, target)
    assert np.median(error[200:]) < noise
    assert (error > 90).mean() == pytest.approx(1 / 3)


def test_azimuths_drawn_at_random_do_not_draw_the_alignment() -> None:
    source = RNG.uniform(0, 360, 600)
    target = wrap(77.0 - source + RNG.normal(0, 2, 600))
    target[:270] = RNG.uniform(0, 360, 270)
    alignment = align_rings(source, target)
    assert alignment.direction == -1 and circular_distance(alignment.offset, 77.0) < 1.0


def test_exact_alignment_leaves_no_error() -> None:
    source = np.arange(0, 360, 15.0)
    alignment = align_rings(source, wrap(77.257 - source))
    assert alignment.direction == -1
    assert alignment.offset == pytest.approx(77.257, abs=1e-3)
    assert alignment.error(source, wrap(77.257 - source)).max() < 1e-3


def test_carried_azimuths_and_their_error_by_hand() -> None:
    same = RingAlignment(0.0, 1)
    got = same.error([359.0, 1.0, 0.0, 90.0], [1.0, 359.0, 180.0, 300.0])
    np.testing.assert_allclose(got, [2, 2, 180, 150])
    turned = RingAlignment(10.0, -1).carry([0.0, 10.0, 10.0 + 1e-14, 350.0])
    assert turned.min() >= 0 and turned.max() < 360
    np.testing.assert_allclose(turned, [10, 0, 0, 20], atol=1e-9)


def test_rings_that_cannot_be_aligned_are_refused() -> None:
    with pytest.raises(MirageError, match="no azimuths"):
        align_rings([], [])
    with pytest.raises(ValueError, match="target"):
        align_rings([0.0, 1.0], [0.0])
