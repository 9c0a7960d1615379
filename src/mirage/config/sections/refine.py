"""The second part of training, on pairs."""

from __future__ import annotations

from dataclasses import dataclass

from mirage.config.values.checks import positive, require


@dataclass
class RefineConfig:
    """The second part of training, on pairs of a photo and a view that the model made of it."""

    steps: int = 0  # optimizer steps; 0 leaves it out
    photos: int = 4096  # training photos that are turned, once each if there are so many
    learning_rate: float = 3e-4  # peak
    pose_guidance: float = 1.0  # w with which they are turned, see views.guidance.pose

    def __post_init__(self) -> None:
        require(self.steps >= 0, "refine.steps", f"{self.steps} is negative")
        positive("refine", self, "photos", "learning_rate")
