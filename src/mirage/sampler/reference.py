"""The reference photo at every noise level, so that it can pass beside the views being denoised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


class ReferenceTrack(Protocol):
    """A photo on its way from clean to noise."""

    def at(self, sigma: Tensor) -> Tensor:
        """[1, C, H, W] at one noise level of the solve (a scalar above 0)."""


@dataclass(frozen=True)
class FixedNoise:
    """The photo noised forward with one fixed draw: x(σ) = y + σ n.

    The same draw at every level keeps the reference's keys and values from jumping between steps.

    Attributes:
        image: [1, C, H, W] clean photo in [-1, 1].
        noise: [1, C, H, W] standard normal.
    """

    image: Tensor
    noise: Tensor

    def at(self, sigma: Tensor) -> Tensor:
        return self.image + sigma * self.noise


@dataclass(frozen=True)
class Path:
    """A picture on a way to noise that was gone already, up or down.

    Attributes:
        levels: noise level → [1, C, H, W]; the levels are those of the solve.
    """

    levels: Mapping[float, Tensor]

    def at(self, sigma: Tensor) -> Tensor:
        return self.levels[float(sigma)]
