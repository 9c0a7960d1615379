"""What a batch of training is made of."""

from __future__ import annotations

from dataclasses import dataclass

from mirage.config.values.checks import positive, require


@dataclass
class DataConfig:
    resolution: int = 32  # side of the images the model sees, pixels
    batch_size: int = 64  # of all processes together
    balance: float = 0.5  # 0 draws every image once an epoch, 1 draws poses evenly
    soft_labels: bool = True  # draw an image's pose from its candidates; false: the likeliest
    label_noise: float = 0.0  # share of labels to make wrong, to study what that does
    mirror: bool = True  # half of the images as mirror images, with the mirror pose as their label
    gpu_memory: float = 0.25  # share of a GPU's free memory that photos may take up, to stay there

    def __post_init__(self) -> None:
        positive("data", self, "resolution", "batch_size")
        for name in ("balance", "label_noise", "gpu_memory"):
            value = getattr(self, name)
            require(0.0 <= value <= 1.0, f"data.{name}", f"{value} is not in [0, 1]")
