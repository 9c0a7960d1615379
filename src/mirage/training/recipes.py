"""Which of the recipes for photos, experiments/experiment/photos_*.yaml, to train a run by.

`choose` is a pure function of what there is to train on and with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

import torch

from mirage.config import Config, ModelConfig
from mirage.config.load import list_experiments, load_config
from mirage.model.codec import downscale, encode, load_autoencoder, shipped_autoencoders
from mirage.training.cost import TrainingCost, count_cost

DEFAULTS = "defaults"  # an experiment that changes nothing
_PREFIX = "photos_"
_SMALL = "_small"  # ends the name of a recipe that any machine can train
_HUBS = (8, 4)  # pixels a side to a latent, and channels, of the autoencoder from the hub
_FEWEST = {256: 5000, 128: 1000}  # photos: a large network learns fewer by heart; our judgement
_LEAST_SHARE = 0.25  # of a recipe's steps: with fewer, smaller pictures come out better
_USABLE = 0.9  # of a GPU's memory
_ENLARGED = 2.0  # times, at most, that a small recipe enlarges photos


@dataclass(frozen=True)
class Circumstances:
    """What there is to train on and with; None where it is not known, which hinders nothing.

    Attributes:
        kind: cuda or cpu. memory_gb: of one GPU, or of the machine. bf16: whether it has that.
        speed: floating point operations a second in training, of one device.
        devices: that train together.
        photos: usable ones. side: the median of their longer sides, pixels;
            of the shorter ones where they are cropped.
        minutes: that training may take.
        resolution: asked for by the user, pixels.
        hub: whether an autoencoder can be had from there. rendered: the photos are the turntable's.
    """

    kind: str
    memory_gb: float
    bf16: bool = False
    speed: float | None = None
    devices: int = 1
    photos: int | None = None
    side: int | None = None
    minutes: float | None = None
    resolution: int | None = None
    hub: bool = True
    rendered: bool = False

    def __str__(self) -> str:
        one = "CPU" if self.kind == "cpu" else f"GPU of {self.memory_gb:.0f} GB"
        parts = [f"{self.devices} × {one}" if self.devices > 1 else f"a {one}"]
        if self.photos is not None:
            parts.append(f"{self.photos} photos of {self.side} px (median)")
        if self.minutes is not None:
            parts.append(f"{self.minutes:g} minutes")
        else:
            parts.append("no limit of time")
        return ", ".join(parts)


@dataclass(frozen=True)
class Recipe:
    """What an experiment trains, and what that costs.

    Attributes:
        side: of the pictures, pixels. from_hub: whether its autoencoder is.
        batch: images a step, of all devices. steps: of training and refinement, in images' worth
            of training: a step on pairs is as large. count: finds `cost`, in a second or two.
    """

    name: str
    side: int
    from_hub: bool
    batch: int
    steps: int
    count: Callable[[], TrainingCost]

    @cached_property
    def cost(self) -> TrainingCost:
        """Of one image in a step."""
        return self.count()

    @classmethod
    def of(cls, name: str, config: Config) -> Recipe:
        """Read off a configuration."""
        return cls(
            name,
            config.data.resolution,
            _is_on_hub(config.model.autoencoder),
            config.data.batch_size,
            config.train.steps + config.refine.steps,
            partial(_count, config.model, config.data.resolution),
        )

    @property
    def is_small(self) -> bool:
        """Whether any machine can train it."""
        return self.name.endswith(_SMALL)

    def minutes(self, circumstances: Circumstances) -> float | None:
        """How long it takes, by estimate."""
        if circumstances.speed is None:
            return None
        flops = self.steps * self.batch * self.cost.flops
        return flops / (circumstances.speed * circumstances.devices) / 60

    def share(self, circumstances: Circumstances) -> float:
        """Of its steps, what fits into the minutes, in (0, 1]."""
        needed, minutes = self.minutes(circumstances), circumstances.minutes
        if needed is None or minutes is None:
            return 1.0
        return min(1.0, minutes / needed)


def _count(model: ModelConfig, resolution: int) -> TrainingCost:
    factor, channels = latent_shape(model, resolution)
    return count_cost(model, resolution // factor // model.patch, channels * model.patch**2)


def latent_shape(model: ModelConfig, resolution: int) -> tuple[int, int]:
    """Pixels a side to a latent, and channels; of pixels themselves 1 and 3."""
    name = model.autoencoder
    if name is None:
        return 1, 3
    if _is_on_hub(name):
        return _HUBS
    where = f"model.autoencoder={name}"
    autoencoder = load_autoencoder(name, where)
    channels = encode(autoencoder, torch.zeros(1, 3, resolution, resolution)).shape[1]
    return downscale(autoencoder, resolution, where), channels


def _is_on_hub(autoencoder: str | None) -> bool:
    if autoencoder is None or Path(autoencoder).is_dir():
        return False
    return autoencoder not in shipped_autoencoders()


@dataclass(frozen=True)
class Choice:
    """An experiment, and why it and no larger one, in words."""

    name: str
    reason: str


def known_recipes() -> Iterator[Recipe]:
    """Those for photos, the largest pictures first; each is counted when it is come to."""
    names = [name for name in list_experiments()["experiment"] if name.startswith(_PREFIX)]
    for name in sorted(names, key=lambda name: (-int(name.split("_")[1]), name)):
        yield _known(name)


@cache
def _known(name: str) -> Recipe:
    return Recipe.of(name, load_config([f"experiment={name}"]))


def choose(there: Circumstances, recipes: Iterable[Recipe]) -> Choice:
    """The first recipe that nothing stands against, or the defaults.

    Args:
        recipes: the largest pictures first.
    """
    if there.rendered:
        return Choice(DEFAULTS, "recipes are for photos, these are renders")
    against = ""
    for recipe in recipes:
        objection = _object(recipe, there)
        if objection is None:
            return Choice(recipe.name, against or "nothing larger is known")
        against = f"{recipe.name} {objection}"
    return Choice(DEFAULTS, against)


def _object(recipe: Recipe, there: Circumstances) -> str | None:
    """What stands against a recipe, said after its name."""
    small = recipe.is_small
    least = recipe.side / _ENLARGED if small else recipe.side
    if there.resolution is not None and recipe.side != there.resolution:
        return f"is not of data.resolution={there.resolution}"
    if there.kind == "cpu" and not small:
        return "is for a GPU"
    if there.side is not None and there.side < least:
        return f"wants photos of {least:.0f} px"
    fewest = 0 if small else _FEWEST.get(recipe.side, 0)
    if there.photos is not None and there.photos < fewest:
        return f"wants {fewest} photos"
    memory = recipe.cost.memory_gb(recipe.batch / there.devices, there.bf16)
    if there.kind != "cpu" and memory > _USABLE * there.memory_gb:
        return f"wants {memory / _USABLE:.0f} GB of GPU memory"
    if recipe.from_hub and not there.hub:
        return "wants an autoencoder from the hub, which does not answer"
    needed = recipe.minutes(there)
    if not small and needed is not None and recipe.share(there) < _LEAST_SHARE:
        return f"wants {_LEAST_SHARE * needed:.0f} minutes at least"
    return None


def fit_steps(config: Config, share: float) -> Config:
    """The configuration with that share of its steps; keys that were given stay."""

    def scaled(section: str, *names: str) -> dict[str, Any]:
        old = getattr(config, section)
        return {
            name: max(1, round(share * getattr(old, name))) if getattr(old, name) else 0
            for name in names
            if not config.was_given(f"{section}.{name}")
        }

    train = scaled("train", "steps", "warmup_steps", "validate_every")
    refine = scaled("refine", "steps", "photos")
    return replace(
        config,
        train=replace(config.train, **train),
        refine=replace(config.refine, **refine),
        budget=replace(config.budget, share=share),
    )
