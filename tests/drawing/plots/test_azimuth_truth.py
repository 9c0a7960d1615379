"""How far off azimuths are, where, and what of it a monotone re-timing would mend."""

from __future__ import annotations

import numpy as np
import pytest

from mirage.core.angles import circular_difference, circular_distance, retime
from mirage.core.errors import MirageError
from mirage.drawing.plots.azimuth_truth import (
    AzimuthTruth,
    error_figures,
    error_intervals,
    timing_figures,
)

TRUE = np.random.default_rng(0).uniform(0.0, 360.0, 4000)
STRETCHED = TRUE + 25.0 * np.sin(np.deg2rad(TRUE))  # ahead by 25° at the sides


def test_offset_and_direction_are_free() -> None:
    truth = AzimuthTruth.compare(77.0 - TRUE, TRUE)
    assert truth.alignment.direction == -1
    assert truth.error.max() < 0.01


def test_a_wrong_clock_is_mended_by_re_timing_and_wrong_readings_are_not() -> None:
    turned = np.where(np.arange(len(TRUE)) % 20 == 0, TRUE + 180.0, STRETCHED)
    truth = AzimuthTruth.compare(turned, TRUE)
    assert np.median(truth.error) > 12.0
    assert np.median(truth.retimed_error) < 1.5
    for error in (truth.error, truth.retimed_error):
        assert error_figures(error)["beyond_90"] == pytest.approx(0.05, abs=0.002)


def test_timing_tells_where_found_azimuths_are_ahead() -> None:
    rows = timing_figures(AzimuthTruth.compare(STRETCHED, TRUE))
    assert len(rows) == 24 and sum(row["photos"] for row in rows) == len(TRUE)
    lead = np.array([row["lead_deg"] for row in rows])
    middles = np.arange(7.5, 360.0, 15.0)
    np.testing.assert_allclose(lead, 25.0 * np.sin(np.deg2rad(middles)), atol=3.5)


def test_bins_without_photos_are_told_as_such() -> None:
    half = TRUE[TRUE < 180.0]
    rows = timing_figures(AzimuthTruth.compare(half, half))
    assert rows[20]["photos"] == 0 and rows[20]["lead_deg"] is None


def test_re_timing_keeps_the_order() -> None:
    noisy = TRUE + np.random.default_rng(1).normal(0.0, 30.0, len(TRUE))
    medians = retime(noisy % 360.0, TRUE, 24)
    order = np.argsort(noisy % 360.0)
    steps = circular_difference(np.roll(medians[order], -1), medians[order])
    assert steps.min() > -1e-6


def test_figures_and_their_intervals() -> None:
    error = np.array([0.0, 10.0, 20.0, 40.0, 170.0])
    figures = error_figures(error)
    assert figures["mean_deg"] == 48.0 and figures["median_deg"] == 20.0
    assert figures["beyond_15"] == 0.6 and figures["beyond_30"] == 0.4
    assert figures["beyond_90"] == 0.2
    known = circular_distance(TRUE, TRUE + np.random.default_rng(2).normal(0, 5, len(TRUE)))
    ends = error_intervals(known, 0)["median_deg"]
    assert ends["low"] < 0.6745 * 5 < ends["high"] < ends["low"] + 0.6
    with pytest.raises(MirageError):
        error_figures([])
