"""Guidance: corrections added to the denoiser's estimate, each within its own noise levels.

    D = D_plain + Σ weight · (D_plain − D_branch)

A branch is the same views looked at in another way, or by another network; a weight below 0 leads
towards it. All branches of a noise level pass in one batch. Outside its interval a correction costs
no forward. That guidance helps in a limited interval of noise levels only: Kynkäänniemi et al. 2024
(arXiv 2404.07724).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from mirage.config import ViewsConfig
from mirage.core.contracts import PoseCondition
from mirage.model.cross_frame import Sees, Sharpness
from mirage.sampler.shared import PLAIN, Branch, SharedDenoiser
from mirage.sampler.solve import Denoise

# Classifier-free guidance away from no pose (Ho & Salimans, arXiv 2207.12598). Both sides see the
# reference's keys and values, so only the pose differs between them.
UNPOSED = Branch(posed=False)
# Away from views that see nothing of the photo (ours).
ALONE = Branch(Sees.OWN)
# Perturbed-attention guidance: every attention map is the identity (arXiv 2403.17377).
BLIND = Branch(Sees.BLIND)


@dataclass(frozen=True)
class Guidance:
    """One correction, away from an estimate.

    Attributes:
        branch: how the estimate is made. weight: below 0 it leads towards it.
        interval: the closed interval of σ where it acts.
        weak: a worse version of the model that makes it, for autoguidance (arXiv 2406.02507); None:
            the model itself.
    """

    branch: Branch
    weight: float
    interval: tuple[float, float]
    weak: SharedDenoiser | None = None

    def acts_at(self, sigma: float) -> bool:
        low, high = self.interval
        return self.weight != 0 and low <= sigma <= high


def guidances(config: ViewsConfig, weak: SharedDenoiser | None = None) -> list[Guidance]:
    """The corrections in force in `config.mode`; those of weight 0 cost nothing."""

    def within(interval: Sequence[float], shared: bool = False) -> tuple[float, float]:
        low, high = config.share_interval if shared else (0.0, float("inf"))
        return max(interval[0], low), min(interval[1], high)

    active = [
        Guidance(UNPOSED, config.pose_guidance, within(config.pose_interval)),
        Guidance(BLIND, config.perturbed_guidance, within(config.perturbed_interval)),
    ]
    if config.mode in ("soft", "hard"):
        within_share = within(config.share_guidance_interval, shared=True)
        active.append(Guidance(ALONE, config.share_guidance, within_share))
    if config.mode == "hard":
        # Towards D_hard (arXiv 2312.04337, our reading): argmax, few keys, or a low temperature.
        hard = Branch(sharpness=Sharpness(config.hard_temperature, config.hard_best))
        within_hard = within(config.hard_interval, shared=True)
        active.append(Guidance(hard, -config.hard_guidance, within_hard))
    if weak is not None:
        within_weak = within(config.weak_interval)
        active.append(Guidance(PLAIN, config.weak_guidance, within_weak, weak))
    return active


def guide(
    denoise: SharedDenoiser, condition: PoseCondition, guidances: Sequence[Guidance]
) -> Denoise:
    """The guided denoiser of views in `condition`, as a function of (x, σ) for the solver."""

    def guided(x: Tensor, sigma: float) -> Tensor:
        active = [guidance for guidance in guidances if guidance.acts_at(sigma)]
        own = [guidance for guidance in active if guidance.weak is None]
        estimate, *others = denoise(x, sigma, condition, (PLAIN, *(g.branch for g in own)))
        pairs = list(zip(own, others, strict=True))
        for guidance in active:
            if guidance.weak is not None:
                (other,) = guidance.weak(x, sigma, condition, (guidance.branch,))
                pairs.append((guidance, other))
        total = estimate
        for guidance, other in pairs:
            total = total + guidance.weight * (estimate - other)
        return total

    return guided
