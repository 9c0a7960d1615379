"""Guidance: corrections added to the denoiser's estimate, each within its own noise levels.

    D = D_soft + Σ weight · direction

Outside its interval a correction costs no forward. That guidance helps in a limited interval of
noise levels only: Kynkäänniemi et al. 2024 (arXiv 2404.07724).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from mirage.contracts import PoseCondition
from mirage.model.cross_frame import HARD, Sharpness
from mirage.sampler.shared import SharedDenoiser
from mirage.sampler.solve import Denoise

# (denoise, estimate = denoise(x, σ, condition), x, σ, condition) → where to move the estimate to
Direction = Callable[[SharedDenoiser, Tensor, Tensor, Tensor, PoseCondition], Tensor]


@dataclass(frozen=True)
class Guidance:
    """One correction: its direction, its weight, and the closed interval of σ where it acts."""

    direction: Direction
    weight: float
    interval: tuple[float, float]


def towards_pose(
    denoise: SharedDenoiser, estimate: Tensor, x: Tensor, sigma: Tensor, condition: PoseCondition
) -> Tensor:
    """Classifier-free guidance towards the pose: D_pose − D_null (Ho & Salimans, arXiv 2207.12598).

    Both see the reference's keys and values, so only the pose differs between them.
    """
    return estimate - denoise(x, sigma, condition.null())


def towards_hard_attention(sharpness: Sharpness = HARD) -> Direction:
    """Towards hard attention on the reference: D_hard − D_soft (arXiv 2312.04337, our reading).

    Args:
        sharpness: of the hard attention: argmax, the best few keys, or a low temperature.
    """
    return lambda denoise, estimate, x, sigma, condition: (
        denoise(x, sigma, condition, sharpness) - estimate
    )


def towards_sharing(
    denoise: SharedDenoiser, estimate: Tensor, x: Tensor, sigma: Tensor, condition: PoseCondition
) -> Tensor:
    """Further from views that see nothing of the photo: D_soft − D_alone (ours)."""
    return estimate - denoise.alone(x, sigma, condition)


def away_from_blind(
    denoise: SharedDenoiser, estimate: Tensor, x: Tensor, sigma: Tensor, condition: PoseCondition
) -> Tensor:
    """Perturbed-attention guidance: D_soft − D_blind (Ahn et al. 2024, arXiv 2403.17377).

    In the blind pass every attention map is the identity.
    """
    return estimate - denoise.blind(x, sigma, condition)


def away_from(weak: SharedDenoiser) -> Direction:
    """Autoguidance: D − D_weak, of a worse version of the model (arXiv 2406.02507)."""
    return lambda denoise, estimate, x, sigma, condition: estimate - weak(x, sigma, condition)


def guide(
    denoise: SharedDenoiser, condition: PoseCondition, guidances: Sequence[Guidance]
) -> Denoise:
    """The guided denoiser of views in `condition`, as a function of (x, σ) for the solver."""

    def guided(x: Tensor, sigma: Tensor) -> Tensor:
        estimate = denoise(x, sigma, condition)
        total = estimate
        for guidance in guidances:
            low, high = guidance.interval
            if guidance.weight != 0 and low <= float(sigma) <= high:
                step = guidance.direction(denoise, estimate, x, sigma, condition)
                total = total + guidance.weight * step
        return total

    return guided
