"""A closed curve is followed from a rough start, whatever the noise's shape and the density."""

from __future__ import annotations

import numpy as np
import pytest

from mirage.core.angles import circular_distance
from mirage.core.contracts import FloatArray
from mirage.poses.circle.curve import fit_curve, principal_coordinates


def curve(azimuth: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Even and odd parts: a curve of two harmonics, with a large nuisance in the even part."""
    rng = np.random.default_rng(1)
    a, num = np.deg2rad(azimuth), len(azimuth)
    body = 2.0 * rng.normal(size=(num, 1)) * np.array([[1.0, 0.5, -1.0]])  # larger than the curve
    even = np.stack([np.cos(a), np.cos(2 * a), 0 * a], axis=1) + body
    odd = np.stack([np.sin(a), np.sin(2 * a)], axis=1)
    even, odd = (part + 0.05 * rng.normal(size=part.shape) for part in (even, odd))
    return even - even.mean(axis=0), odd


@pytest.mark.parametrize("crowded", [False, True])
def test_wrong_starts_move_to_where_the_others_put_them(crowded: bool) -> None:
    rng = np.random.default_rng(0)
    azimuth = rng.uniform(0, 360, 900)
    if crowded:  # most photos from the front
        azimuth[300:] = rng.normal(0, 40, 600) % 360
    even, odd = curve(azimuth)
    start = azimuth + 180.0 * (rng.random(900) < 0.15)
    fit = fit_curve(even, odd, start, harmonics=(3,), rounds=30)
    error = circular_distance(fit.azimuth, azimuth)
    assert (error > 90).mean() < 0.01 and np.median(error) < 8.0


def test_the_better_explanation_is_the_likelier() -> None:
    azimuth = np.random.default_rng(0).uniform(0, 360, 600)
    even, odd = curve(azimuth)
    shuffled = np.random.default_rng(1).permutation(azimuth)
    right = fit_curve(even, odd, azimuth, harmonics=(3,), rounds=20)
    wrong = fit_curve(even, odd, shuffled, harmonics=(3,), rounds=1)
    assert right.likelihood > wrong.likelihood + 1.0
    assert right.azimuth.min() >= 0.0 and right.azimuth.max() < 360.0


def test_likelihood_grows_with_every_round() -> None:
    """Of expectation maximisation's own making: but for the small floors, no round may lose."""
    azimuth = np.random.default_rng(0).uniform(0, 360, 500)
    even, odd = curve(azimuth)
    start = azimuth + np.random.default_rng(2).normal(0, 40, 500)
    gains = np.diff(
        [fit_curve(even, odd, start, (3,), rounds).likelihood for rounds in range(2, 15)]
    )
    assert gains.min() > -0.02 and gains.sum() > 0.0


def test_principal_coordinates_keep_lengths_and_order() -> None:
    points = np.random.default_rng(0).normal(size=(50, 6)) * np.array([1, 2, 3, 4, 5, 6.0])
    coordinates = principal_coordinates(points, 6)
    assert np.allclose((coordinates**2).sum(1), (points**2).sum(1))
    energy = (coordinates**2).sum(axis=0)
    assert (np.diff(energy) < 0).all()
    assert np.allclose(coordinates.T @ coordinates, np.diag(energy))


def test_a_photo_that_counts_twice_is_as_two() -> None:
    azimuth = np.random.default_rng(0).uniform(0, 360, 200)
    even, odd = curve(azimuth)
    times = 1 + np.arange(200) % 2
    doubled = np.repeat(np.arange(200), times)
    counted = fit_curve(even, odd, azimuth, (3,), 8, weight=times / times.mean())
    copied = fit_curve(even[doubled], odd[doubled], azimuth[doubled], (3,), 8)
    np.testing.assert_allclose(counted.azimuth[doubled], copied.azimuth, atol=0.1)
    assert counted.likelihood == pytest.approx(copied.likelihood, abs=1e-3)
