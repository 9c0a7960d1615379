"""The speed of the azimuth, told by outlines: found where they tell it, doubted where not."""

from __future__ import annotations

import numpy as np
import pytest

from mirage.core.angles import circular_distance
from mirage.core.contracts import FloatArray
from mirage.poses.circle.clock import fit_clock

RNG = np.random.default_rng(0)
EVEN = RNG.uniform(0.0, 360.0, 3000)
CROWDED = np.concatenate([EVEN[:1200], RNG.normal(40, 8, 900), RNG.normal(-40, 8, 900)])
AROUND = np.arange(0.0, 360.0, 5.0)


def outlines(true: FloatArray, corners: float = 0.1, noise: float = 0.2) -> FloatArray:
    """Of bodies that are longer than wide, above and below less so, each somewhat otherwise."""
    angle = np.deg2rad(true)
    broad = 2.0 - np.cos(2 * angle) - corners * np.cos(4 * angle)
    bands = 1.0 + 0.2 * np.cos(2 * angle)
    figures: FloatArray = np.stack([broad, bands], axis=1)
    return figures + noise * np.random.default_rng(1).normal(size=figures.shape)


def warped(true: FloatArray, *harmonics: float) -> FloatArray:
    """Azimuths as found by a circle of which θ = s + Σ aₖ sin ks is true."""
    s = np.linspace(0.0, 360.0, 3601)
    multiples = np.arange(1, len(harmonics) + 1)
    theta = s + np.sin(np.deg2rad(s)[:, None] * multiples) @ np.array(harmonics)
    return np.interp(true % 360.0, theta, s)


@pytest.mark.parametrize(
    "harmonics", [(0.0, 0.0, 0.0), (-25.0, -5.0, 5.0), (20.0, 4.0, 0.0), (-20.0, 5.0, 0.0)]
)
@pytest.mark.parametrize("true", [EVEN, CROWDED], ids=["even", "crowded"])
def test_what_stretched_the_circle_is_undone(
    true: FloatArray, harmonics: tuple[float, ...]
) -> None:
    found = warped(true, *harmonics)
    for corners in (0.0, 0.2):
        clock = fit_clock(found, outlines(true, corners))
        off = circular_distance(clock.timing(warped(AROUND, *harmonics)), AROUND)
        assert np.sqrt((off**2).mean()) < 5.0
        assert clock.uncertainty < 8.0


def test_outlines_that_say_nothing_leave_the_circle_as_it_was_and_doubt_it() -> None:
    noise = RNG.normal(size=(len(EVEN), 2))
    clock = fit_clock(warped(EVEN, -20.0), 1.0 + 0.02 * noise)
    assert np.abs(clock.harmonics).max() < 2.0
    assert clock.uncertainty > 12.0
    nothing = np.full((len(EVEN), 2), np.nan)
    assert fit_clock(EVEN, nothing).uncertainty > 14.0
    nothing[:3] = 1.0
    assert fit_clock(EVEN, nothing).uncertainty > 14.0


def test_bands_of_rows_tell_where_the_whole_is_as_deep_as_wide() -> None:
    angle = np.deg2rad(EVEN)
    back = 1.0 + 0.2 * np.cos(2 * angle) + 0.2 * np.cos(4 * angle)  # a chair's
    seen_from_above = 1.0 + 0.08 * np.cos(angle)
    figures = np.stack([seen_from_above, back], axis=1)
    figures += 0.05 * RNG.normal(size=figures.shape)
    clock = fit_clock(warped(EVEN, -20.0), figures)
    assert abs(clock.harmonics[0] + 20.0) < 4.0 and clock.uncertainty < 8.0


def test_whatever_outlines_say_the_order_is_kept() -> None:
    absurd = np.where(np.abs(EVEN - 180.0) < 3.0, 9.0, 1.0)[:, None].repeat(2, axis=1)
    absurd = absurd + 0.01 * RNG.normal(size=absurd.shape)
    timed = fit_clock(EVEN, absurd).timing(np.arange(0.0, 360.0, 0.5))
    assert (np.diff(timed) > 0.0).all()


def test_a_person_makes_a_doubtful_clock_sure() -> None:
    doubtful = fit_clock(EVEN, np.ones((len(EVEN), 2)))
    assert doubtful.given([0.0]).uncertainty > 0.95 * doubtful.uncertainty  # the front is no news
    known = [doubtful.given(np.arange(n) * 180.0 / n).uncertainty for n in (4, 8)]
    assert known[1] < known[0] < 0.4 * doubtful.uncertainty
    np.testing.assert_array_equal(doubtful.given([90.0]).harmonics, doubtful.harmonics)
