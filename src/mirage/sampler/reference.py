"""Reference photos at every noise level, so that they can pass beside the views being denoised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


class ReferenceTrack(Protocol):
    """Photos on their way from clean to noise."""

    def at(self, sigma: float) -> Tensor:
        """[R, C, H, W] at one noise level of the solve, above 0."""


@dataclass(frozen=True)
class FixedNoise:
    """Photos noised forward with one fixed draw each: x(σ) = y + σ n.

    The same draw at every level keeps the reference's keys and values from jumping between steps.

    Attributes:
        image: [R, C, H, W] clean photos in [-1, 1].
        noise: [R, C, H, W] standard normal.
    """

    image: Tensor
    noise: Tensor

    def at(self, sigma: float) -> Tensor:
        return self.image + sigma * self.noise


@dataclass(frozen=True)
class Inverted:
    """Photos on the way to noise that they went already (`invert`).

    Attributes:
        levels: noise level → [R, C, H, W]; the levels are those of the solve.
    """

    levels: Mapping[float, Tensor]

    def at(self, sigma: float) -> Tensor:
        return self.levels[sigma]
