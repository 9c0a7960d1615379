"""The network, and what it sees of pictures."""

from __future__ import annotations

from dataclasses import dataclass, field

from mirage.config.values.checks import one_of, positive, require
from mirage.config.values.places import Place


@dataclass
class ModelConfig:
    network: str = "unet"  # what is inside the denoiser
    channels: list[int] = field(default_factory=lambda: [32, 64, 64])  # per level; each halves H, W
    layers_per_block: int = 2  # residual layers a level
    norm_groups: int = 8  # groups of the group norms
    attention_levels: list[int] = field(
        default_factory=lambda: [1, 2]
    )  # levels with self-attention
    head_dim: int = 32  # channels of an attention head
    azimuth_frequencies: int = 4  # Fourier features of the azimuth: sin and cos of 1..n times it
    # A diffusers autoencoder: a folder, as `mirage autoencoder` makes, the name of one that ships
    # with mirage, by itself or in weights, or of one on the hub; null: pixels.
    autoencoder: Place | None = None
    patch: int = 1  # pixels or latents a side that are channels of one: 2 is about 4 times as fast
    sigma_data: float = 0.5  # EDM: standard deviation of the images in [-1, 1]
    dropout: float = 0.0  # in the residual layers

    def __post_init__(self) -> None:
        one_of("model.network", self.network)
        positive(
            "model",
            self,
            "layers_per_block",
            "norm_groups",
            "head_dim",
            "azimuth_frequencies",
            "patch",
            "sigma_data",
        )
        require(0.0 <= self.dropout < 1.0, "model.dropout", f"{self.dropout} is not in [0, 1)")
        require(len(self.channels) >= 2, "model.channels", "at least two levels are needed")
        require(
            all(c >= 4 * self.norm_groups and c % self.norm_groups == 0 for c in self.channels),
            "model.channels",
            f"{self.channels}: every width must be a multiple of model.norm_groups "
            f"({self.norm_groups}) and at least four times it",
            "a norm over fewer channels a group removes what pose and noise level add to them",
        )
        require(
            bool(self.attention_levels)
            and all(0 <= level < len(self.channels) for level in self.attention_levels),
            "model.attention_levels",
            f"{self.attention_levels} are not levels of a network with {len(self.channels)}",
            "cross-frame attention needs at least one level; levels count from 0",
        )
        for level in self.attention_levels:
            require(
                self.channels[level] % self.head_dim == 0,
                "model.head_dim",
                f"{self.head_dim} does not divide {self.channels[level]} channels (level {level})",
            )
