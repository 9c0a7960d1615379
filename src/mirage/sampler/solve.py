"""Solvers of the probability-flow ODE dx/dσ = (x − D(x; σ)) / σ, as plain functions.

A denoiser here is any function (x [V, C, H, W], σ) → clean estimate of x's shape: guidance and
attention sharing are wrappers that the solver does not see. Noise levels are Python's floats, so
that no step waits for the device.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import Tensor

from mirage.config.values.choices import registered

Denoise = Callable[[Tensor, float], Tensor]
Observer = Callable[[int, float, Tensor], None]  # (step, σ, clean estimate)


def solve_euler(
    denoise: Denoise, noise: Tensor, sigmas: Sequence[float], observe: Observer | None = None
) -> Tensor:
    """First order; one evaluation a step (DDIM in this parametrisation)."""
    x = noise * sigmas[0]
    for step, (sigma, following) in enumerate(pairwise(sigmas)):
        clean = denoise(x, sigma)
        if observe is not None:
            observe(step, sigma, clean)
        x = x + (following - sigma) * (x - clean) / sigma
    return x


def solve_heun(
    denoise: Denoise, noise: Tensor, sigmas: Sequence[float], observe: Observer | None = None
) -> Tensor:
    """Second order; two evaluations a step but the last (Karras et al. 2022, Algorithm 1)."""
    x = noise * sigmas[0]
    for step, (sigma, following) in enumerate(pairwise(sigmas)):
        clean = denoise(x, sigma)
        if observe is not None:
            observe(step, sigma, clean)
        slope = (x - clean) / sigma
        predicted = x + (following - sigma) * slope
        if following > 0:
            slope = (slope + (predicted - denoise(predicted, following)) / following) / 2
        x = x + (following - sigma) * slope
    return x


def solve_dpmpp_2m(
    denoise: Denoise, noise: Tensor, sigmas: Sequence[float], observe: Observer | None = None
) -> Tensor:
    """Second order from the previous step's estimate; one evaluation a step.

    DPM-Solver++(2M), Lu et al. 2022 (arXiv 2211.01095), Algorithm 2, with λ = −ln σ.
    """
    x = noise * sigmas[0]
    previous: Tensor | None = None
    last_h = 0.0
    for step, (sigma, following) in enumerate(pairwise(sigmas)):
        clean = denoise(x, sigma)
        if observe is not None:
            observe(step, sigma, clean)
        if following == 0:
            return clean
        h = math.log(sigma / following)
        if previous is None:
            estimate = clean
        else:
            share = h / (2 * last_h)
            estimate = (1 + share) * clean - share * previous
        x = following / sigma * x - math.expm1(-h) * estimate
        previous, last_h = clean, h
    return x


SOLVERS = registered(
    "views.sampler.solver", {"euler": solve_euler, "heun": solve_heun, "dpmpp_2m": solve_dpmpp_2m}
)
