"""How an object is made of its views."""

from __future__ import annotations

from dataclasses import dataclass

from mirage.config.values.checks import a_seed, positive, require


@dataclass
class ShapeConfig:
    views: int = 24  # views of a whole turn that a reference must have
    voxels: int = 80_000  # of the grid that the object is fitted on, about
    steps: int = 120  # of fitting, for each of three grids, coarse to fine
    rays: int = 2048  # pixels of every step
    seed: int = 0  # of the pixels drawn

    def __post_init__(self) -> None:
        positive("shape", self, "views", "steps", "rays")
        a_seed("shape", self)
        require(
            self.voxels >= 8_000,
            "shape.voxels",
            f"{self.voxels} voxels show no object",
            "use 20000 to 500000",
        )
