"""The autoencoder that a run may train on its own photos."""

from __future__ import annotations

from dataclasses import dataclass, field

from mirage.config.checks import positive, require


@dataclass
class AutoencoderConfig:
    factor: int = 4  # pixels to a latent, a side: 4 | 8
    latent_channels: int = 4  # of the latents; more keep more, and are harder to generate
    # Channels and residual blocks of the feature maps at half of the photo's side, a quarter, …
    channels: list[int] = field(default_factory=lambda: [32, 64])
    layers: list[int] = field(default_factory=lambda: [2, 3])
    crop: int = 64  # side of the pictures that it is trained on, pixels
    zoom: float = 1.5  # a crop shows between 1 and so many times its side of a photo
    steps: int = 6000  # optimizer steps
    batch_size: int = 32  # crops a step, of all processes together
    learning_rate: float = 2e-3  # peak; a cosine to a fiftieth of it
    noise: float = 0.05  # added to latents in training, in their own standard deviations
    edges: float = 0.5  # weight of the error of the picture's gradients
    ema_decay: float = 0.999  # of the averaged weights, which are what is written
    seed: int = 0

    def __post_init__(self) -> None:
        require(
            self.factor in (4, 8), "autoencoder.factor", f"{self.factor} is not a choice",
            "use 4, which keeps more, or 8, which is a quarter of the work for the model",
        )  # fmt: skip
        levels = self.factor.bit_length() - 1
        for name in ("channels", "layers"):
            value = getattr(self, name)
            require(
                len(value) == levels and all(v > 0 for v in value),
                f"autoencoder.{name}",
                f"{value} does not have {levels} levels",
                f"autoencoder.factor={self.factor} halves the photo {levels} times: give one "
                "positive number for each",
            )
        positive(
            "autoencoder", self, "latent_channels", "crop", "steps", "batch_size", "learning_rate"
        )
        require(
            self.channels[-1] % self.latent_channels == 0,
            "autoencoder.latent_channels",
            f"{self.latent_channels} do not divide the {self.channels[-1]} of the last level",
        )
        require(self.zoom >= 1.0, "autoencoder.zoom", f"{self.zoom} is below 1")
        require(
            self.crop % self.factor == 0, "autoencoder.crop",
            f"{self.crop} px is no multiple of autoencoder.factor={self.factor}",
        )  # fmt: skip
        for name in ("noise", "edges"):
            require(getattr(self, name) >= 0, f"autoencoder.{name}", "is negative")
        require(
            0.0 <= self.ema_decay <= 1.0,
            "autoencoder.ema_decay",
            f"{self.ema_decay} is not in [0, 1]",
        )
