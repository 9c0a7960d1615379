"""How patch features become parts."""

from __future__ import annotations

from dataclasses import dataclass

from mirage.config.values.checks import a_seed, positive


@dataclass
class PartsConfig:
    count: int = 256  # parts, P
    dims: int = 64  # principal components the patch features are reduced to
    sample: int = 400_000  # patches the parts are fitted on, of photos of poses.sample
    temperature: float = 0.05  # of the softmax over parts
    seed: int = 0  # of the photos and patches drawn, and of k-means

    def __post_init__(self) -> None:
        positive("parts", self, "count", "dims", "sample", "temperature")
        a_seed("parts", self)
