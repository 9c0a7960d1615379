"""Inversion against the exact path for Gaussian data.

For images ~ N(0, s²) the denoiser is D(x; σ) = x s² / (s² + σ²) and a clean photo y is at
x(σ) = y √((s² + σ²) / s²).
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mirage.sampler.invert import invert
from mirage.sampler.schedule import karras_sigmas
from mirage.sampler.solve import SOLVERS

SPREAD, TOP, LEAST = 0.5, 20.0, 0.002


def gaussian_denoiser(x: Tensor, sigma: float) -> Tensor:
    return x * SPREAD**2 / (SPREAD**2 + sigma**2)


def photo() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(1, 3, 4, 4, generator=generator, dtype=torch.float64) * 2 - 1


def levels(num_steps: int) -> list[float]:
    return karras_sigmas(num_steps, LEAST, TOP, 7.0)


def path_error(num_steps: int) -> float:
    """The largest relative distance from the exact path, over all levels."""
    sigmas = levels(num_steps)
    track = invert(gaussian_denoiser, photo(), sigmas)
    exact = [photo() * ((SPREAD**2 + s**2) / SPREAD**2) ** 0.5 for s in sigmas[:-1]]
    found = [track.at(s) for s in sigmas[:-1]]
    return max(float((f - e).norm() / e.norm()) for f, e in zip(found, exact, strict=True))


def back_error(solver: str, num_steps: int) -> float:
    """Relative distance of the photo from itself, inverted and sampled again."""
    sigmas = levels(num_steps)
    start = invert(gaussian_denoiser, photo(), sigmas).at(sigmas[0]) / sigmas[0]
    back = SOLVERS[solver](gaussian_denoiser, start, sigmas)
    return float((back - photo()).norm() / photo().norm())


def test_the_path_is_the_exact_one_to_second_order() -> None:
    errors = [path_error(n) for n in (40, 80)]
    assert errors[1] < 0.01
    assert 3.2 < errors[0] / errors[1] < 8.0  # halved steps: a quarter, or better


@pytest.mark.parametrize(
    ("solver", "at_40", "order"),
    [("euler", 0.2, 1.8), ("heun", 0.02, 3.2), ("dpmpp_2m", 0.02, 3.2)],
)
def test_inverted_and_sampled_again_the_photo_comes_back(
    solver: str, at_40: float, order: float
) -> None:
    coarse, fine = back_error(solver, 40), back_error(solver, 80)
    assert coarse < at_40
    assert coarse / fine > order


def test_the_photo_itself_is_near_at_low_noise_and_evaluations_are_counted() -> None:
    calls: list[float] = []

    def denoise(x: Tensor, sigma: float) -> Tensor:
        calls.append(sigma)
        return gaussian_denoiser(x, sigma)

    sigmas = levels(6)
    kept = photo()
    track = invert(denoise, kept, sigmas)
    assert len(calls) == 2 * 6 - 1 and min(calls) > 0
    assert torch.equal(kept, photo())
    assert torch.allclose(track.at(sigmas[-2]), photo(), atol=1e-4)
    assert sorted(track.levels) == sorted(sigmas[:-1])
