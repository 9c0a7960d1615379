"""The choice of a recipe: more of anything never makes the pictures smaller, and says why."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from mirage.config import AUTO, Config
from mirage.config.load import lay_recipe, load_config
from mirage.config.overrides import flat_values
from mirage.model.codec import shipped_autoencoders
from mirage.training.cost import TrainingCost
from mirage.training.recipes import (
    DEFAULTS,
    Circumstances,
    Recipe,
    choose,
    fit_steps,
    known_recipes,
)

SMALL = "photos_128_small"
PLENTY = Circumstances("cuda", 80.0, True, 100e12, 1, 20_000, 512)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def recipes() -> list[Recipe]:
    return list(known_recipes())


def side(there: Circumstances, recipes: list[Recipe]) -> int:
    sides = {recipe.name: recipe.side for recipe in recipes}
    return sides.get(choose(there, recipes).name, 32)


def test_a_large_gpu_with_many_large_photos_gets_the_largest_pictures(
    recipes: list[Recipe],
) -> None:
    assert [recipe.side for recipe in recipes] == [256, 128, 128, 64]
    assert choose(PLENTY, recipes).name == "photos_256"


@pytest.mark.parametrize(
    ("changes", "name", "says"),
    [
        ({"memory_gb": 24.0}, "photos_128", "photos_256 wants"),
        ({"memory_gb": 2.0}, SMALL, "GPU memory"),
        ({"photos": 3000}, "photos_128", "wants 5000 photos"),
        ({"photos": 300}, SMALL, "wants 1000 photos"),
        ({"side": 192}, "photos_128", "wants photos of 256 px"),
        ({"side": 100}, SMALL, "wants photos of 128 px"),
        ({"side": 48}, DEFAULTS, "wants photos of 64 px"),
        ({"hub": False}, "photos_128", "hub"),
        ({"minutes": 100.0}, "photos_128", "minutes at least"),
        ({"minutes": 1.0}, SMALL, "minutes at least"),
        ({"resolution": 64}, "photos_64", "data.resolution=64"),
        ({"resolution": 96}, DEFAULTS, "data.resolution=96"),
        ({"resolution": 32}, DEFAULTS, "data.resolution=32"),
        ({"rendered": True}, DEFAULTS, "renders"),
        ({"kind": "cpu"}, SMALL, "is for a GPU"),
        ({"kind": "cpu", "minutes": 60.0, "speed": 1e11}, SMALL, "is for a GPU"),
        ({"photos": None, "side": None}, "photos_256", ""),
    ],
)
def test_what_stands_against_a_larger_one_is_told(
    changes: dict[str, object], name: str, says: str, recipes: list[Recipe]
) -> None:
    choice = choose(replace(PLENTY, **changes), recipes)  # type: ignore[arg-type]
    assert choice.name == name and says in choice.reason


GROWING: dict[str, list[float]] = {
    "memory_gb": [1, 6, 12, 24, 48, 80],
    "speed": [1e11, 1e12, 1e13, 1e14, 1e15],
    "devices": [1, 2, 8],
    "photos": [50, 1000, 5000, 100_000],
    "side": [24, 64, 128, 256, 1000],
    "minutes": [1, 10, 60, 600, 10_000],
}


@pytest.mark.parametrize("name", GROWING)
@pytest.mark.parametrize(
    "bases",
    [
        PLENTY,
        replace(PLENTY, minutes=120.0),
        replace(PLENTY, minutes=30.0, memory_gb=16.0),
        replace(PLENTY, bf16=False, hub=False, minutes=60.0),
        Circumstances("cpu", 25.0, False, 1e11, minutes=60.0),
    ],
    ids=str,
)
def test_more_of_anything_never_makes_the_pictures_smaller(
    name: str, bases: Circumstances, recipes: list[Recipe]
) -> None:
    sides = [side(replace(bases, **{name: v}), recipes) for v in GROWING[name]]  # type: ignore[arg-type]
    assert sides == sorted(sides)


def test_time_is_shared_out_and_what_was_given_stays() -> None:
    recipe = Recipe("r", 64, False, 100, 6000, lambda: TrainingCost(1e9, 1e6, 1_000_000))
    there = replace(PLENTY, speed=1e12, minutes=5.0)
    assert recipe.minutes(there) == pytest.approx(10.0)
    assert recipe.share(there) == pytest.approx(0.5)
    assert (
        recipe.share(replace(there, devices=8)) == recipe.share(replace(there, minutes=None)) == 1
    )
    fitted = fit_steps(replace(load_config(["experiment=photos_64"]), given=["refine.steps"]), 0.5)
    assert (fitted.train.steps, fitted.train.warmup_steps, fitted.refine.steps) == (
        37_500,
        500,
        5000,
    )
    assert fitted.budget.share == 0.5
    assert fit_steps(Config(), 0.1).refine.steps == 0  # what is left out stays out


def test_keys_that_were_given_win_over_the_recipe() -> None:
    typed = ["train.steps=20000", "data.batch_size=16", "images.path=F", "backbone=effnet_lite"]
    config = lay_recipe(load_config(typed), "photos_64")
    assert config.train.steps == 20_000 == Config().train.steps  # also where it is the default
    assert config.data.batch_size == 16 and config.data.resolution == 64
    assert config.backbone.name == "effnet_lite" and config.recipe == "photos_64"
    narrow = lay_recipe(
        load_config(["model.channels=[32,64]", "model.attention_levels=[1]"]), "photos_64"
    )
    assert narrow.model.channels == [32, 64] and narrow.model.norm_groups == 8
    assert narrow.model.dropout == 0.1  # not of the network's form


@pytest.mark.parametrize("name", [SMALL, "photos_64", "photos_128", "photos_256"])
def test_a_recipe_changes_nothing_that_photos_and_poses_depend_on(name: str) -> None:
    before, after = (flat_values(load_config(w)) for w in ([], [f"experiment={name}"]))
    changed = {key.split(".")[0] for key in before if before[key] != after[key]}
    assert changed <= {"recipe", "data", "model", "train", "refine", "views"}


@pytest.mark.parametrize("name", [SMALL, "photos_64", "photos_128", "photos_256"])
def test_noise_levels_belong_to_the_side_that_the_network_sees(name: str) -> None:
    """What is left of the mean colour at the first noise level is what the defaults leave."""
    config, default = load_config([f"experiment={name}"]), Config()
    factor = {None: 1, "autoencoder_f4": 4}.get(config.model.autoencoder, 8)
    scale = config.data.resolution / factor / default.data.resolution
    if name != SMALL:  # a short training learns shapes first, at more noise
        expected_mean = default.train.p_mean + math.log(scale)
        assert config.train.p_mean == pytest.approx(expected_mean, abs=0.02)
    assert config.views.sampler.sigma_max == pytest.approx(scale * default.views.sampler.sigma_max)
    for correction in ("pose", "hard"):
        ours, theirs = (getattr(each.views.guidance, correction) for each in (config, default))
        assert ours.interval == pytest.approx([scale * level for level in theirs.interval])


def test_an_experiment_that_is_named_is_no_choice() -> None:
    assert load_config([]).recipe == AUTO
    assert load_config(["experiment=demo"]).recipe == "demo"
    assert not load_config(["experiment=demo"]).is_open
    assert load_config(["experiment=demo", "budget.minutes=5"]).is_open


def test_an_autoencoder_of_ones_own_costs_what_it_is() -> None:
    """As the one that it is a copy of, and not as one on the hub, of half its latents a side."""
    shipped = shipped_autoencoders()["autoencoder_f4"]
    config = load_config(["experiment=photos_128_small"])
    assert config.model.autoencoder == "autoencoder_f4"
    own = replace(config, model=replace(config.model, autoencoder=str(shipped)))
    of_hub = replace(config, model=replace(config.model, autoencoder="stabilityai/sd-vae-ft-mse"))
    costs = [Recipe.of("photos", each).cost.flops for each in (config, own, of_hub)]
    assert costs[0] == costs[1] > 2 * costs[2]
    assert [Recipe.of("photos", each).from_hub for each in (own, of_hub)] == [False, True]
