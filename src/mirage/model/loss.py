"""The EDM training objective (Karras et al. 2022, arXiv 2206.00364, equations 2 and 8, Table 1)."""

from __future__ import annotations

import torch
from torch import Tensor

from mirage.config.values.choices import registered
from mirage.core.contracts import PoseCondition
from mirage.model.denoiser import PoseDenoiser


def noise_levels(normal: Tensor, p_mean: float, p_std: float) -> Tensor:
    """Standard normal numbers → noise levels with ln σ ~ N(p_mean, p_std²), same shape."""
    return (normal * p_std + p_mean).exp()


def edm_weight(sigma: Tensor, sigma_data: float) -> Tensor:
    """λ(σ) = (σ² + σ_data²) / (σ σ_data)², which gives every noise level unit loss at the start."""
    return (sigma**2 + sigma_data**2) / (sigma * sigma_data) ** 2


def min_snr_weight(sigma: Tensor, sigma_data: float) -> Tensor:
    """min(σ_data² / σ², 5): low noise counts no more than so much (arXiv 2303.09556, γ = 5)."""
    return (sigma_data / sigma).square().clamp(max=5.0)


def flow_weight(sigma: Tensor, sigma_data: float) -> Tensor:
    """((1 + σ) / σ)²: what rectified flow weighs an error of the clean image by.

    On its straight path x_t = (1 − t) y + t n the velocity's error is the image's over t, and x_t
    is EDM's y + σ n with σ = t / (1 − t), scaled (arXiv 2209.03003; 2403.03206, section 3). Its
    times, t logit-normal, are ln σ ~ N(0, 1).
    """
    return ((1 + sigma) / sigma).square()


WEIGHTS = registered(
    "train.weight", {"edm": edm_weight, "min_snr": min_snr_weight, "flow": flow_weight}
)


def denoising_loss(
    denoiser: PoseDenoiser,
    images: Tensor,
    condition: PoseCondition,
    sigma: Tensor,
    noise: Tensor,
    weight: str = "edm",
) -> Tensor:
    """[B] weighted squared error λ(σ) mean |D(y + σ n; σ, pose) − y|² of each image.

    Args:
        weight: λ, a key of WEIGHTS.
        images: [B, C, H, W] clean, in [-1, 1].
        sigma: [B] noise levels. noise: [B, C, H, W] standard normal.
    """
    noisy = images + sigma[:, None, None, None] * noise
    error = denoiser(noisy, sigma, condition) - images
    return WEIGHTS[weight](sigma, denoiser.sigma_data) * error.square().mean(dim=(1, 2, 3))


def drop_labels(
    condition: PoseCondition,
    confidence: Tensor,
    null_probability: float,
    null_unsure: float,
    uniform: Tensor,
) -> PoseCondition:
    """Send some labels to the null pose: all at `null_probability`, unsure ones more often.

    A label of confidence c in [0, 1] is dropped with probability
    `null_probability + (1 − c) · null_unsure`, so that what the labels got wrong teaches the
    unconditional branch, which needs no label, rather than the wrong pose.

    Args:
        uniform: [B] drawn evenly in [0, 1).
    """
    chance = null_probability + (1 - confidence) * null_unsure
    pose = torch.where(uniform < chance.to(uniform), -1, condition.pose)
    return PoseCondition(pose, condition.azimuth)
