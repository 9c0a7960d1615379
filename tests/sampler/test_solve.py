"""Solvers against the exact solution for Gaussian data.

For images ~ N(0, s²) the denoiser is D(x; σ) = x s² / (s² + σ²) and the ODE has the solution
x(σ) = x(σ₀) √((s² + σ²) / (s² + σ₀²)).
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mirage.sampler.schedule import karras_sigmas
from mirage.sampler.solve import SOLVERS

SPREAD, TOP = 0.5, 20.0


def gaussian_denoiser(x: Tensor, sigma: float) -> Tensor:
    return x * SPREAD**2 / (SPREAD**2 + sigma**2)


def error(solver: str, num_steps: int) -> float:
    """Relative error of the solution against the exact one."""
    noise = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0)).double()
    sigmas = karras_sigmas(num_steps, 0.002, TOP, 7.0)
    exact = noise * TOP * SPREAD / (SPREAD**2 + TOP**2) ** 0.5
    solved = SOLVERS[solver](gaussian_denoiser, noise, sigmas)
    return float(((solved - exact).norm() / exact.norm()).item())


@pytest.mark.parametrize("solver", sorted(SOLVERS))
def test_each_solver_converges_to_the_exact_solution(solver: str) -> None:
    errors = [error(solver, n) for n in (20, 80, 320)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.02


@pytest.mark.parametrize(
    ("solver", "lowest", "highest"),
    [("euler", 0.8, 1.3), ("heun", 1.7, 4.0), ("dpmpp_2m", 1.7, 4.0)],
)
def test_each_solver_has_its_order(solver: str, lowest: float, highest: float) -> None:
    order = torch.log2(torch.tensor(error(solver, 40) / error(solver, 80))).item()
    assert lowest < order < highest


def test_higher_orders_are_nearer_at_equal_evaluations() -> None:
    euler = error("euler", 160)
    assert error("heun", 80) < euler / 5  # two evaluations a step
    assert error("dpmpp_2m", 160) < euler / 5


@pytest.mark.parametrize(("solver", "evaluations"), [("euler", 6), ("heun", 11), ("dpmpp_2m", 6)])
def test_observers_see_each_step_once_and_evaluations_are_counted(
    solver: str, evaluations: int
) -> None:
    calls: list[float] = []
    seen: list[tuple[int, float]] = []

    def denoise(x: Tensor, sigma: float) -> Tensor:
        calls.append(sigma)
        return gaussian_denoiser(x, sigma)

    def observe(step: int, sigma: float, clean: Tensor) -> None:
        assert clean.shape == (1, 3, 2, 2)
        seen.append((step, sigma))

    sigmas = karras_sigmas(6, 0.1, 5.0, 7.0)
    noise = torch.randn(1, 3, 2, 2)
    kept = noise.clone()
    SOLVERS[solver](denoise, noise, sigmas, observe)
    assert seen == list(enumerate(sigmas[:-1]))
    assert len(calls) == evaluations and min(calls) > 0
    assert torch.equal(noise, kept)  # the caller's noise is not written to


@pytest.mark.parametrize("solver", sorted(SOLVERS))
def test_an_image_that_is_known_is_found(solver: str) -> None:
    image = torch.rand(1, 3, 4, 4)
    solved = SOLVERS[solver](
        lambda x, _: image.expand_as(x), torch.randn(2, 3, 4, 4), karras_sigmas(5, 0.02, 20.0, 7.0)
    )
    assert torch.allclose(solved, image.expand(2, -1, -1, -1), atol=1e-5)
