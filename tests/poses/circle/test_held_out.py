"""A curve explains photos that it has not seen if its azimuths are theirs, and not otherwise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from synthetic.circles import azimuths, whole

from mirage.core.contracts import FloatArray
from mirage.poses.circle.curve import STATION, even_and_odd, fit_curve
from mirage.poses.circle.held_out import HeldOutPhotos

TRUE = azimuths(600)
EVEN, ODD = even_and_odd(*whole(TRUE), 6)
PHOTOS = HeldOutPhotos(EVEN, ODD, 0)


def test_the_true_azimuths_explain_unseen_photos_and_others_do_not() -> None:
    rng = np.random.default_rng(0)
    some = rng.random(len(TRUE)) < 0.2
    flipped = np.where(some, (TRUE + 180.0) % 360.0, TRUE)
    right, wrong = (PHOTOS.log_density(azimuth).mean() for azimuth in (TRUE, flipped))
    assert right > wrong + 0.5
    assert PHOTOS.gain(TRUE) > 1.0 > 0.05 > PHOTOS.gain(rng.permutation(TRUE))


def test_what_a_curve_explains_of_its_own_noise_it_does_not_of_others() -> None:
    """Through a cloud of many coordinates expectation maximisation finds a likely curve."""
    rng = np.random.default_rng(1)
    even, odd = rng.normal(size=(400, 30)), rng.normal(size=(400, 30))
    start = azimuths(400)
    curve, cloud = (fit_curve(even, odd, start, (h,), 30) for h in (10, 0))
    own = curve.likelihood - cloud.likelihood
    assert own > 1.0 and HeldOutPhotos(even, odd, 0).gain(curve.azimuth) < own / 4


def test_without_a_curve_it_is_the_density_of_a_cloud() -> None:
    """What remains is a normal distribution about 0, but for a constant and the noise's floor."""
    rng = np.random.default_rng(2)
    spread = np.array([[1.0, 0.4], [0.0, 0.7]])
    even, odd = rng.normal(size=(5000, 2)) @ spread, rng.normal(size=(5000, 2)) @ spread
    nats = HeldOutPhotos(even - even.mean(axis=0), odd, 0).log_density(azimuths(5000), 0)
    normal = multivariate_normal(np.zeros(2), spread.T @ spread)
    expected = normal.logpdf(even) + normal.logpdf(odd) + 2 * np.log(2 * np.pi)
    assert np.abs(nats - expected).mean() < 0.05


@pytest.mark.parametrize("num", [3, 12])
def test_few_photos_are_rated_by_few_coordinates(num: int) -> None:
    rng = np.random.default_rng(3)
    parts: list[FloatArray] = [rng.normal(size=(num, 120)) for _ in range(2)]
    nats = HeldOutPhotos(*parts, 0).log_density(azimuths(num))
    assert nats.shape == (num,) and np.isfinite(nats).all()


def test_azimuths_are_held_at_stations_all_round() -> None:
    """A ring turned by half a turn, of which mirroring leaves both ends, is as good as it was."""
    photos = HeldOutPhotos(*even_and_odd(*whole(np.rad2deg(STATION)), 6), 0)
    here, there = (photos.gain(np.rad2deg(STATION) + offset) for offset in (0.0, 180.0))
    assert here == pytest.approx(there, abs=1e-6) and here > 1.0
