"""The training objective: noise levels, weights, and which labels are dropped."""

from __future__ import annotations

import pytest
import torch

from mirage.core.contracts import PoseCondition
from mirage.model.loss import (
    denoising_loss,
    drop_labels,
    edm_weight,
    flow_weight,
    min_snr_weight,
    noise_levels,
)
from mirage.model.scaling import edm_scaling


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_weight_undoes_the_output_coefficient() -> None:
    sigma = torch.logspace(-2, 2, 9, dtype=torch.float64)
    product = edm_weight(sigma, 0.5) * edm_scaling(sigma, 0.5).out ** 2
    assert torch.allclose(product, torch.ones_like(product))


def test_noise_levels_are_log_normal() -> None:
    logs = noise_levels(torch.randn(100_000, generator=generator()), -0.8, 1.4).log()
    assert logs.mean().item() == pytest.approx(-0.8, abs=0.03)
    assert logs.std().item() == pytest.approx(1.4, abs=0.03)


class OffByOne(torch.nn.Module):
    """Its estimate is always wrong by `error`."""

    sigma_data = 0.5

    def __init__(self, images: torch.Tensor, error: torch.Tensor) -> None:
        super().__init__()
        self.images, self.error = images, error

    def forward(self, x: torch.Tensor, sigma: torch.Tensor, _: PoseCondition) -> torch.Tensor:
        self.seen = x
        return self.images + self.error[:, None, None, None]


def test_the_loss_is_the_weighted_squared_error_of_each_image() -> None:
    images, noise = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    sigma, error = torch.tensor([0.5, 2.0]), torch.tensor([0.1, 0.3])
    denoiser = OffByOne(images, error)
    condition = PoseCondition(torch.tensor([0, 1]), torch.zeros(2))
    loss = denoising_loss(denoiser, images, condition, sigma, noise)  # type: ignore[arg-type]
    # λ(0.5) = 0.5 / 0.0625 = 8 and λ(2) = 4.25 / 1
    assert loss.tolist() == pytest.approx([8 * 0.01, 4.25 * 0.09], rel=1e-4)
    assert torch.allclose(denoiser.seen[1], images[1] + 2 * noise[1])


def test_labels_are_dropped_at_the_rate_their_confidence_asks_for() -> None:
    num = 40_000
    pose = torch.arange(num) % 4
    confidence = torch.tensor([1.0, 0.5, 0.0]).repeat_interleave(num // 3 + 1)[:num]
    given = PoseCondition(pose, torch.rand(num))
    dropped = drop_labels(
        given, confidence, 0.1, 0.4, torch.rand(len(confidence), generator=generator())
    )
    for level, rate in ((1.0, 0.1), (0.5, 0.3), (0.0, 0.5)):
        share = (dropped.pose[confidence == level] == -1).float().mean().item()
        assert share == pytest.approx(rate, abs=0.02)
    kept = dropped.pose >= 0
    assert torch.equal(dropped.pose[kept], pose[kept])
    assert torch.equal(dropped.azimuth, given.azimuth)


def test_nothing_is_dropped_from_sure_labels_without_a_null_share() -> None:
    given = PoseCondition(torch.arange(1000) % 4, torch.zeros(1000))
    dropped = drop_labels(
        given, torch.ones(1000), 0.0, 0.5, torch.rand(1000, generator=generator())
    )
    assert torch.equal(dropped.pose, given.pose)


def test_the_flow_weight_is_that_of_the_velocitys_error() -> None:
    """On x_t = (1 − t) y + t n the velocity is n − y; an estimate of y gives (x_t − ŷ) / t."""
    y, n, estimate = torch.randn(3, 7, 50, dtype=torch.float64)
    t = torch.linspace(0.05, 0.95, 7, dtype=torch.float64)[:, None]
    x = (1 - t) * y + t * n
    error = ((x - estimate) / t - (n - y)).square()
    weight = flow_weight(t / (1 - t), 0.5)
    assert torch.allclose(weight * (estimate - y).square(), error)


def test_min_snr_is_the_signals_ratio_to_the_noise_up_to_five() -> None:
    sigma = torch.tensor([0.01, 0.5 / 5**0.5, 0.5, 5.0])
    assert min_snr_weight(sigma, 0.5).tolist() == pytest.approx([5.0, 5.0, 1.0, 0.01], rel=1e-4)
