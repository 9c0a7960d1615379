"""What there is to train on and with here, and the recipe that a run gets for it."""

from __future__ import annotations

from dataclasses import replace

import torch

from mirage.config import AUTO, Config
from mirage.config.load import lay_recipe, load_config
from mirage.core.hub import hub_answers, is_cached
from mirage.core.machine import allowed_memory
from mirage.distributed.device import device
from mirage.distributed.ranks import find_ranks, join_ranks
from mirage.images.image_set import ImageSet
from mirage.training.cost import measure_speed
from mirage.training.recipes import Circumstances, Recipe, choose, fit_steps, known_recipes

_AUTOENCODER_FILE = "config.json"


def look_around(config: Config, images: ImageSet | None = None) -> Circumstances:
    """What there is; on a GPU, or where there is a limit of time, its speed is measured."""
    where = device()
    is_gpu = where.type == "cuda"
    if is_gpu:
        memory = torch.cuda.get_device_properties(where).total_memory
        bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        memory, bf16 = allowed_memory(), False
    minutes = config.budget.minutes
    return Circumstances(
        where.type,
        memory / 1e9,
        bf16,
        measure_speed(where, bf16) if is_gpu or minutes is not None else None,
        find_ranks().world,
        None if images is None else len(images),
        None if images is None else images.median_side(),
        minutes,
        config.data.resolution if "data.resolution" in config.given else None,
        config.model.autoencoder is not None or (is_gpu and _has_autoencoder()),
        config.images.source == "turntable",
    )


def settle(config: Config, images: ImageSet) -> tuple[Config, str]:
    """Choose the recipe where none is, and fit the steps to a budget; all processes must call it.

    Returns:
        The configuration to train with, and a line that says what was chosen, and why.

    Raises:
        MirageError: keys that were given cannot be together with the recipe.
    """
    ranks = join_ranks()
    # What the first one finds is what counts: speeds that are measured differ.
    there = ranks.gather(look_around(config, images) if ranks.is_first else None)[0]
    assert there is not None
    why = ""
    if config.recipe == AUTO:
        choice = choose(there, known_recipes())
        config, why = lay_recipe(config, choice.name), f", since {choice.reason}"
    time = ""
    if there.speed is not None:
        recipe = Recipe.of(str(config.recipe), config)
        share = recipe.share(there)
        if there.minutes is not None:
            config = fit_steps(config, share)
        done = (config.train.steps + config.refine.steps) / recipe.steps  # some may be as given
        minutes = done * (recipe.minutes(there) or 0.0)
        time = f"; {config.train.steps} steps, about {minutes:.0f} minutes by estimate"
    line = (
        f"recipe: {config.recipe}{why} ({there}){time}; "
        f"experiment=NAME takes another, kept in {config.run}"
    )
    return replace(config, given=[]), line


def _has_autoencoder() -> bool:
    """Whether the one that the recipes name can be had."""
    name = load_config(["experiment=photos_256"]).model.autoencoder
    return name is None or is_cached(name, _AUTOENCODER_FILE) or hub_answers()
