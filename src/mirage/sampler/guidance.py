"""Guidance: corrections added to the denoiser's estimate, each within its own noise levels.

    D = D_plain + Σ weight · (D_plain − D_branch)

A branch is the same views looked at in another way; a weight below 0 leads towards it. All branches
of a noise level pass in one batch. Outside its interval a correction costs no forward. That
guidance helps in a limited interval of noise levels only: Kynkäänniemi et al. 2024 (arXiv
2404.07724).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from mirage.config import ViewsConfig
from mirage.config.values.choices import CHOICES
from mirage.core.contracts import PoseCondition
from mirage.sampler.shared import PLAIN, Branch, SharedDenoiser
from mirage.sampler.solve import Denoise

# Classifier-free guidance away from no pose (Ho & Salimans, arXiv 2207.12598). Both sides see the
# reference's keys and values, so only the pose differs between them.
UNPOSED = Branch(posed=False)
# Towards hard attention (arXiv 2312.04337, our reading): D_soft + s (D_hard − D_soft).
HARD = Branch(hard=True)

# Perturbed-attention guidance: away from attention maps that are the identity (arXiv 2403.17377).
BLIND = Branch(blind=True)


@dataclass(frozen=True)
class Kind:
    """A kind of guidance.

    Attributes:
        branch: how its estimate is made. towards: whether it leads towards that or away from it.
        modes: of `views.mode`, where it acts.
    """

    branch: Branch
    towards: bool = False
    modes: tuple[str, ...] = CHOICES["views.mode"]


# By the field of views.guidance that has the weight and the interval of each.
GUIDANCES = {
    "pose": Kind(UNPOSED),
    "hard": Kind(HARD, towards=True, modes=("hard",)),
    "perturbed": Kind(BLIND),
}


@dataclass(frozen=True)
class Guidance:
    """One correction, away from an estimate.

    Attributes:
        branch: how the estimate is made. weight: below 0 it leads towards it.
        interval: the closed interval of σ where it acts.
    """

    branch: Branch
    weight: float
    interval: tuple[float, float]

    def acts_at(self, sigma: float) -> bool:
        low, high = self.interval
        return self.weight != 0 and low <= sigma <= high


def guidances(config: ViewsConfig) -> list[Guidance]:
    """The corrections in force in `config.mode`; those of weight 0 cost nothing."""
    active = []
    for name, kind in GUIDANCES.items():
        asked = getattr(config.guidance, name)
        weight = -asked.weight if kind.towards else asked.weight
        if config.mode in kind.modes:
            low, high = asked.interval
            active.append(Guidance(kind.branch, weight, (low, high)))
    return active


def guide(
    denoise: SharedDenoiser, condition: PoseCondition, guidances: Sequence[Guidance]
) -> Denoise:
    """The guided denoiser of views in `condition`, as a function of (x, σ) for the solver."""

    def guided(x: Tensor, sigma: float) -> Tensor:
        active = [guidance for guidance in guidances if guidance.acts_at(sigma)]
        branches = (PLAIN, *(guidance.branch for guidance in active))
        estimate, *others = denoise(x, sigma, condition, branches)
        total = estimate
        for guidance, other in zip(active, others, strict=True):
            total = total + guidance.weight * (estimate - other)
        return total

    return guided
