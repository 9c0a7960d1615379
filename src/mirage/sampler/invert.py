"""Deterministic inversion: from the clean photo to the noise that the model would make it from.

The probability-flow ODE dx/dσ = (x − D(x; σ)) / σ has no randomness, so it can be followed upwards
from a photo as well as downwards from noise (Song et al. 2020, DDIM, arXiv 2010.02502, section
4.3), here with the steps of Heun's method (Karras et al. 2022, arXiv 2206.00364, Algorithm 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor

from mirage.sampler.reference import Inverted
from mirage.sampler.solve import Denoise


def invert(denoise: Denoise, image: Tensor, sigmas: Sequence[float]) -> Inverted:
    """Follow the ODE from `image` ([R, C, H, W], clean) up through `sigmas`.

    The slope has no value at σ = 0. The first step undoes the solvers' last one, x → D(x; σ_min),
    to first order: it takes the slope at σ_min from the clean photo. T levels cost 2T − 1
    evaluations.

    Args:
        sigmas: T + 1 levels falling to 0, as the solvers take them.
    """
    levels = sigmas[-2::-1]
    x = 2 * image - denoise(image, levels[0])
    path = {levels[0]: x}
    for sigma, following in pairwise(levels):
        slope = (x - denoise(x, sigma)) / sigma
        predicted = x + (following - sigma) * slope
        slope = (slope + (predicted - denoise(predicted, following)) / following) / 2
        x = x + (following - sigma) * slope
        path[following] = x
    return Inverted(path)
