"""EDM scaling: D(x; σ) = c_skip x + c_out F(c_in x; c_noise).

Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models"
(arXiv 2206.00364), Table 1, column "Ours". Chosen so that the network's input and target have
unit variance at every noise level σ, for images of standard deviation σ_data.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Scaling:
    """The four coefficients, each shaped like σ."""

    skip: Tensor
    out: Tensor
    input: Tensor
    noise: Tensor


def edm_scaling(sigma: Tensor, sigma_data: float) -> Scaling:
    """Coefficients at noise levels `sigma` > 0 (any shape)."""
    total = sigma**2 + sigma_data**2
    return Scaling(
        skip=sigma_data**2 / total,
        out=sigma * sigma_data / total.sqrt(),
        input=1 / total.sqrt(),
        noise=torch.log(sigma) / 4,
    )
