"""What is trained, and how."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mirage.config.checks import one_of, positive, require
from mirage.config.places import Place


@dataclass
class DataConfig:
    resolution: int = 32  # side of the images the model sees, pixels
    batch_size: int = 64  # of all processes together
    balance: float = 0.5  # 0 draws every image once an epoch, 1 draws poses evenly
    soft_labels: bool = True  # draw an image's pose from its candidates; false: the likeliest
    misread: float = 0.0  # share of labels to make wrong, to study what that does
    mirror: bool = True  # half of the images as mirror images, with the mirror pose as their label
    gpu_memory: float = 0.25  # share of a GPU's free memory that photos may take up, to stay there

    def __post_init__(self) -> None:
        positive("data", self, "resolution", "batch_size")
        for name in ("balance", "misread", "gpu_memory"):
            value = getattr(self, name)
            require(0.0 <= value <= 1.0, f"data.{name}", f"{value} is not in [0, 1]")


@dataclass
class ModelConfig:
    channels: list[int] = field(default_factory=lambda: [32, 64, 64])  # per level; each halves H, W
    layers_per_block: int = 2  # residual layers a level
    norm_groups: int = 8  # groups of the group norms
    attention_levels: list[int] = field(
        default_factory=lambda: [1, 2]
    )  # levels with self-attention
    head_dim: int = 32  # channels of an attention head
    azimuth_frequencies: int = 4  # Fourier features of the azimuth: sin and cos of 1..n times it
    # A diffusers autoencoder: a folder, as `mirage autoencoder` makes, the name of one that ships
    # with mirage, or of one on the hub; null: pixels.
    autoencoder: Place | None = None
    patch: int = 1  # pixels or latents a side that are channels of one: 2 is about 4 times as fast
    sigma_data: float = 0.5  # EDM: standard deviation of the images in [-1, 1]
    dropout: float = 0.0  # in the residual layers

    def __post_init__(self) -> None:
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


@dataclass
class TrainConfig:
    steps: int = 20_000  # optimizer steps
    learning_rate: float = 3e-4  # peak
    warmup_steps: int = 200  # over which the learning rate rises to its peak
    final_learning_rate: float = 0.1  # fraction of the peak that the cosine ends at
    weight_decay: float = 0.01  # of AdamW
    gradient_clip: float = 1.0  # largest norm of a step's gradient
    ema_decay: float = 0.999  # of the averaged weights, which are sampled and exported
    null_probability: float = 0.1  # classifier-free guidance: share of labels dropped
    null_unsure: float = 0.5  # additional share dropped from labels of confidence 0
    p_mean: float = -0.8  # EDM: mean of ln σ in training
    p_std: float = 1.4  # EDM: standard deviation of ln σ in training
    weight: str = "edm"  # edm | min_snr | flow: how much an error counts at a noise level
    precision: str = "auto"  # auto | fp32 | bf16; auto takes what is faster, and says which
    compile: bool = False  # torch.compile the network for training, refinement too
    checkpoint_minutes: float = 5.0  # from one saved checkpoint to the next; 0: after every step
    validate_every: int = 1000  # steps from one validation to the next
    seed: int = 0  # of the first weights, the batches and their noise
    callbacks: dict[str, Any] = field(default_factory=dict)  # name → {_target_: …}, added to ours

    def __post_init__(self) -> None:
        one_of("train.weight", self.weight, ("edm", "min_snr", "flow"))
        one_of("train.precision", self.precision, ("auto", "fp32", "bf16"))
        positive(
            "train",
            self,
            "steps",
            "learning_rate",
            "gradient_clip",
            "p_std",
            "validate_every",
        )
        minutes = self.checkpoint_minutes
        require(minutes >= 0, "train.checkpoint_minutes", f"{minutes} is negative")
        for name in ("ema_decay", "null_probability", "null_unsure", "final_learning_rate"):
            value = getattr(self, name)
            require(0.0 <= value <= 1.0, f"train.{name}", f"{value} is not in [0, 1]")


@dataclass
class RefineConfig:
    """The second part of training, on pairs of a photo and a view that the model made of it."""

    steps: int = 0  # optimizer steps; 0 leaves it out
    photos: int = 4096  # training photos that are turned, once each if there are so many
    learning_rate: float = 3e-4  # peak

    def __post_init__(self) -> None:
        require(self.steps >= 0, "refine.steps", f"{self.steps} is negative")
        positive("refine", self, "photos", "learning_rate")
