"""Distances between sets against closed forms and other implementations."""

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torchmetrics.image.kid import poly_mmd

from mirage.core.errors import MirageError
from mirage.metrics.sets import frechet_distance, kernel_distance

RNG = np.random.default_rng(0)


def samples(count: int, channels: int, shift: float = 0.0) -> np.ndarray:
    mix = np.random.default_rng(channels).normal(size=(channels, channels))
    return RNG.normal(size=(count, channels)) @ mix + shift


@pytest.mark.parametrize("counts", [(60, 45), (12, 60), (60, 12), (9, 7)])
def test_frechet_distance_against_the_root_of_a_matrix(counts: tuple[int, int]) -> None:
    """Also for fewer pictures than the 20 channels, where the covariance has no full rank."""
    x, y = samples(counts[0], 20), samples(counts[1], 20, 0.3)
    of_x, of_y = np.cov(x.T), np.cov(y.T)
    root = np.linalg.eigvals(of_x @ of_y).real.clip(min=0) ** 0.5
    if min(counts) > 20:
        assert np.trace(sqrtm(of_x @ of_y)).real == pytest.approx(root.sum())
    shift = np.square(x.mean(axis=0) - y.mean(axis=0)).sum()
    wanted = shift + np.trace(of_x) + np.trace(of_y) - 2 * root.sum()
    assert frechet_distance(x, y) == pytest.approx(wanted, rel=1e-5)


def test_frechet_distance_of_two_gaussians_of_one_channel() -> None:
    """(μ₁ − μ₂)² + (σ₁ − σ₂)²."""
    x, y = RNG.normal(2.0, 3.0, (200_000, 1)), RNG.normal(-1.0, 1.0, (200_000, 1))
    assert frechet_distance(x, y) == pytest.approx(9.0 + 4.0, rel=0.02)


def test_a_set_is_no_distance_from_itself_and_distances_are_symmetric() -> None:
    x, y = samples(30, 12), samples(50, 12, 1.0)
    assert frechet_distance(x, x) == pytest.approx(0.0, abs=1e-9)
    assert frechet_distance(x, y) == pytest.approx(frechet_distance(y, x))
    assert kernel_distance(x, y) == pytest.approx(kernel_distance(y, x))


def test_kernel_distance_against_another_implementation() -> None:
    x, y = samples(40, 6), samples(40, 6, 0.5)
    wanted = float(poly_mmd(torch.from_numpy(x), torch.from_numpy(y)))
    assert kernel_distance(x, y) == pytest.approx(wanted)


def test_kernel_distance_of_one_distribution_is_nothing_on_average() -> None:
    """With pairs of a picture with itself it would be some 0.4 here at 10 pictures."""
    found = []
    for trial in range(600):
        rng = np.random.default_rng(trial)
        found.append(kernel_distance(rng.normal(size=(10, 4)), rng.normal(size=(14, 4))))
    error = np.std(found) / np.sqrt(len(found))
    assert abs(np.mean(found)) < 3 * error
    assert error < 0.05 and min(found) < 0


def test_kernel_distance_grows_with_a_shift() -> None:
    y = samples(100, 5)
    near, far = (kernel_distance(samples(100, 5, shift), y) for shift in (1.0, 3.0))
    assert 0 < near < far


def test_a_single_picture_has_no_spread() -> None:
    one, many = samples(1, 3), samples(5, 3)
    for distance in (frechet_distance, kernel_distance):
        with pytest.raises(MirageError, match="no items"):
            distance(one, many)
        with pytest.raises(MirageError, match="no items"):
            distance(many, one)
