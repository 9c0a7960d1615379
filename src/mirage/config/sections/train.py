"""How the model is trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mirage.config.values.checks import a_seed, one_of, positive, require


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
        one_of("train.weight", self.weight)
        a_seed("train", self)
        one_of("train.precision", self.precision)
        positive(
            "train", self, "steps", "learning_rate", "gradient_clip", "p_std", "validate_every"
        )
        for name in ("checkpoint_minutes", "weight_decay", "warmup_steps"):
            value = getattr(self, name)
            require(value >= 0, f"train.{name}", f"{value} is negative")
        for name in ("ema_decay", "null_probability", "null_unsure", "final_learning_rate"):
            value = getattr(self, name)
            require(0.0 <= value <= 1.0, f"train.{name}", f"{value} is not in [0, 1]")
