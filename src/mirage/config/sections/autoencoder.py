"""The autoencoder that a run may train on its own photos."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from mirage.config.values.checks import a_seed, one_of, positive, require
from mirage.config.values.places import Place


@dataclass
class AutoencoderConfig:
    # One to begin from, named as in model.autoencoder: what decodes is trained, what encodes stays,
    # and so do its latents, and the models of them. It has its own factor, channels and layers.
    start: Place | None = None
    factor: int = 4  # 4 | 8: pixels to a latent, a side; 8 keeps less, and a model does a quarter
    latent_channels: int = 4  # more keep more, and are harder to generate
    # A level, the first at half of the photo's side; those that the factor has no level for are
    # left out.
    channels: list[int] = field(default_factory=lambda: [32, 64, 128])
    layers: list[int] = field(default_factory=lambda: [2, 3, 3])  # residual blocks, likewise
    size: int = 128  # side that photos are brought to, to train and to measure, pixels
    others: list[Place] = field(default_factory=list)  # folders of runs whose photos it learns, too
    own: float = 0.75  # share of the crops that are of the run's own photos, where there are others
    # Whether the run's photos are framed as its model sees them, which needs its poses.
    framed: bool = False
    crop: int = 64  # side of the pictures that it is trained on, pixels
    zoom: float = 1.5  # a crop shows between 1 and so many times its side of a photo
    steps: int = 6000  # optimizer steps
    batch_size: int = 32  # crops a step, of all processes together
    learning_rate: float = 2e-3  # peak
    warmup_steps: int = 200  # over which the learning rate rises to its peak
    final_learning_rate: float = 0.02  # fraction of the peak that the cosine ends at
    weight_decay: float = 1e-3  # of AdamW
    gradient_clip: float = 1.0  # largest norm of a step's gradient
    noise: float = 0.05  # added to latents in training, in their own standard deviations
    edges: float = 0.5  # weight of the error of the picture's gradients
    perceptual: float = 1.0  # weight of the error in features of a pretrained network; 0: none
    # Weight of a discriminator's judgement, by the same features: pictures get sharper, and farther
    # from the photo in PSNR; 0: none.
    adversarial: float = 0.0
    ema_decay: float = 0.999  # of the averaged weights, which are what is written
    precision: str = "auto"  # auto | fp32 | bf16; auto takes what is faster, and says which
    checkpoint_minutes: float = 2.0  # from one saved checkpoint to the next; 0: after every step
    validate_every: int = 500  # steps from one validation to the next
    seed: int = 0  # of the first weights, the crops and the noise

    def __post_init__(self) -> None:
        require(
            self.factor in (4, 8),
            "autoencoder.factor",
            f"{self.factor} is not a choice",
            "use 4, which keeps more, or 8, which is a quarter of the work for the model",
        )
        one_of("autoencoder.precision", self.precision)
        a_seed("autoencoder", self)
        positive(
            "autoencoder",
            self,
            "latent_channels",
            "size",
            "crop",
            "steps",
            "batch_size",
            "learning_rate",
            "gradient_clip",
            "validate_every",
        )
        for name in ("channels", "layers"):
            value = getattr(self, name)
            require(
                len(value) >= self.levels and all(v > 0 for v in value),
                f"autoencoder.{name}",
                f"{value} does not have {self.levels} levels",
                f"autoencoder.factor={self.factor} halves the photo {self.levels} times: give one "
                "positive number for each",
            )
        for wide, narrow in pairwise(self.channels[: self.levels]):
            require(
                4 * wide % narrow == 0,
                "autoencoder.channels",
                f"{narrow} does not divide four times the {wide} of the level before",
            )
        last = self.channels[self.levels - 1]
        require(
            last % self.latent_channels == 0,
            "autoencoder.latent_channels",
            f"{self.latent_channels} do not divide the {last} of the last level",
        )
        require(self.zoom >= 1.0, "autoencoder.zoom", f"{self.zoom} is below 1")
        for name in ("crop", "size"):
            value = getattr(self, name)
            require(
                value % self.factor == 0,
                f"autoencoder.{name}",
                f"{value} px is no multiple of autoencoder.factor={self.factor}",
            )
        require(
            self.crop <= self.size,
            "autoencoder.crop",
            f"{self.crop} px is more than autoencoder.size={self.size}",
        )
        for name in (
            "noise",
            "edges",
            "perceptual",
            "adversarial",
            "weight_decay",
            "warmup_steps",
            "checkpoint_minutes",
        ):
            value = getattr(self, name)
            require(value >= 0, f"autoencoder.{name}", f"{value} is negative")
        for name in ("ema_decay", "final_learning_rate", "own"):
            value = getattr(self, name)
            require(0.0 <= value <= 1.0, f"autoencoder.{name}", f"{value} is not in [0, 1]")

    @property
    def levels(self) -> int:
        """How many times the photo is halved."""
        return self.factor.bit_length() - 1
