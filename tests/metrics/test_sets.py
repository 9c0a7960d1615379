"""Distances between sets against closed forms and other implementations."""

import numpy as np
import pytest
import torch
from torchmetrics import Metric
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from mirage.core.errors import MirageError
from mirage.metrics.sets import frechet_distance, kernel_distance

RNG = np.random.default_rng(0)


def samples(count: int, channels: int, shift: float = 0.0) -> np.ndarray:
    mix = np.random.default_rng(channels).normal(size=(channels, channels))
    return RNG.normal(size=(count, channels)) @ mix + shift


class Identity(torch.nn.Module):
    """An extractor whose pictures are features."""

    num_features = 20

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return features


def by_torchmetrics(metric: Metric, x: np.ndarray, y: np.ndarray) -> float:
    metric.set_dtype(torch.float64)
    metric.update(torch.from_numpy(x), real=False)
    metric.update(torch.from_numpy(y), real=True)
    found = metric.compute()
    return float(found[0] if isinstance(found, tuple) else found)


@pytest.mark.parametrize("counts", [(60, 45), (12, 60), (60, 12), (9, 7)])
def test_frechet_distance_against_torchmetrics(counts: tuple[int, int]) -> None:
    """Also for fewer pictures than the 20 channels, where the covariance has no full rank."""
    x, y = samples(counts[0], 20), samples(counts[1], 20, 0.3)
    wanted = by_torchmetrics(FrechetInceptionDistance(Identity()), x, y)
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


def test_kernel_distance_against_torchmetrics() -> None:
    """A subset of all is the set."""
    x, y = samples(40, 20), samples(40, 20, 0.5)
    whole = KernelInceptionDistance(Identity(), subsets=1, subset_size=40)
    assert kernel_distance(x, y) == pytest.approx(by_torchmetrics(whole, x, y), rel=1e-5)


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
