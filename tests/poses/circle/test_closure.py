"""A full circle closes; an arc does not, whichever way its ends were joined."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic.circles import azimuths, whole

from mirage.poses.circle.closure import measure_closure
from mirage.poses.circle.reader import fit_reader


@pytest.mark.parametrize("crowded", [False, True])
def test_a_full_circle_closes(crowded: bool) -> None:
    true = azimuths(900)
    if crowded:  # most photos from the front
        true[300:] = np.random.default_rng(0).normal(0, 60, 600) % 360
    points, mirrored = whole(true)
    closure = measure_closure(fit_reader(points, mirrored, true), points, mirrored)
    assert closure.score > 0.9 and closure.span == (0.0, 360.0)


@pytest.mark.parametrize(("low", "high"), [(30.0, 150.0), (-60.0, 60.0), (100.0, 250.0)])
def test_an_arc_leaves_a_gap(low: float, high: float) -> None:
    true = azimuths(900, low, high)
    points, mirrored = whole(true)
    closure = measure_closure(fit_reader(points, mirrored, true), points, mirrored)
    assert closure.score < 0.3
    assert closure.span[1] - closure.span[0] < 200.0


def test_an_arc_stretched_to_a_circle_is_told_by_its_missing_links() -> None:
    """Azimuths three times too far apart: no gap is left, but the ends are no neighbours."""
    true = azimuths(900, -60.0, 60.0)
    points, mirrored = whole(true)
    stretched = (3 * np.where(true > 180, true - 360, true)) % 360
    closure = measure_closure(fit_reader(points, mirrored, stretched), points, mirrored)
    assert closure.score < 0.3
