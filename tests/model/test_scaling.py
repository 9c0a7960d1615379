"""EDM scaling, from its defining property and not from its formula."""

from __future__ import annotations

import pytest
import torch

from mirage.model.scaling import edm_scaling

SIGMA_DATA = 0.5


@pytest.mark.parametrize("sigma", [0.01, 0.3, 1.0, 20.0])
def test_the_networks_input_and_target_have_unit_variance(sigma: float) -> None:
    generator = torch.Generator().manual_seed(0)
    clean = SIGMA_DATA * torch.randn(400_000, generator=generator, dtype=torch.float64)
    noisy = clean + sigma * torch.randn(400_000, generator=generator, dtype=torch.float64)
    scaling = edm_scaling(torch.tensor(sigma, dtype=torch.float64), SIGMA_DATA)
    assert (scaling.input * noisy).std().item() == pytest.approx(1.0, rel=0.01)
    target = (clean - scaling.skip * noisy) / scaling.out
    assert target.std().item() == pytest.approx(1.0, rel=0.01)
    # c_skip is the one that asks least of the network: the residual is uncorrelated with x.
    assert (target * noisy).mean().item() == pytest.approx(0.0, abs=0.01 * (1 + sigma))


def test_the_noise_coefficient_is_a_quarter_of_the_log() -> None:
    scaling = edm_scaling(torch.tensor([1.0, torch.e**4]), SIGMA_DATA)
    assert torch.allclose(scaling.noise, torch.tensor([0.0, 1.0]))


def test_no_noise_leaves_the_image_alone() -> None:
    scaling = edm_scaling(torch.tensor(1e-6), SIGMA_DATA)
    assert scaling.skip.item() == pytest.approx(1.0)
    assert scaling.out.item() == pytest.approx(0.0, abs=2e-6)
