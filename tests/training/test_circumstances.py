"""The recipe of a run: chosen once the photos are known, kept, and never silently another."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf
from processes import share_out
from synthetic.photos import MadeUpImages
from tiny.runs import mirage

from mirage.commands import running
from mirage.config import AUTO, Config
from mirage.config.load import load_config, save_config
from mirage.core.errors import MirageError
from mirage.core.files import SAVED
from mirage.distributed.ranks import Ranks
from mirage.images import image_set
from mirage.runs.folder import RunFolder
from mirage.runs.request import Request
from mirage.training import circumstances, recipes
from mirage.training.circumstances import look_around, settle
from mirage.training.cost import TrainingCost
from mirage.training.recipes import Circumstances

GPU = Circumstances("cuda", 24.0, True, 30e12, 1, 7000, 300, hub=False)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def quick_counts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a step costs is counted in tests/training/test_recipes.py."""
    cost = TrainingCost(1.7e9, 1e8, 30_000_000)
    monkeypatch.setattr(recipes, "count_cost", lambda *_: cost)
    recipes._known.cache_clear()
    yield
    recipes._known.cache_clear()


class Photos(MadeUpImages):
    """Photos of a size."""

    def median_side(self) -> int:
        return 300


def photos() -> Any:
    return Photos([(10 * i, 200, 5 * i) for i in range(10)], held_out=2)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with a GPU, as far as the choice can see."""
    monkeypatch.setattr(circumstances, "look_around", lambda config, images: GPU)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Config]]:
    """The stages that a command would run, each with its configuration, in a run with photos."""
    stages: list[tuple[str, Config]] = []

    def find_run(module: str) -> Any:
        name = module.removeprefix("stages.")

        def run(request: Request) -> str:
            config, folder = request.config, request.folder
            stages.append((name, config))
            folder[name if name == "images" else "report"].mkdir(parents=True, exist_ok=True)
            if name == "images":
                folder.finish("images", "key")
            return name

        return run

    monkeypatch.setattr(running, "find_run", find_run)
    monkeypatch.setattr(image_set, "open_images", lambda folder: photos())
    return stages


def test_a_cpu_is_seen_as_it_is() -> None:
    there = look_around(Config(), photos())
    assert (there.kind, there.photos, there.side) == ("cpu", 10, 300)
    assert there.speed is None and there.resolution is None and there.memory_gb > 0.5
    assert look_around(load_config(["data.resolution=32"])).resolution == 32


def test_on_a_cpu_a_small_network_is_trained_and_it_is_said() -> None:
    config, line = settle(load_config(["run=runs/a", "images.path=F"]), photos())
    assert config.recipe == "photos_128_small" and not config.is_open
    assert config.data.resolution == 128 and config.model.autoencoder == "autoencoder_f4"
    assert line.startswith("recipe: photos_128_small, since photos_128 is for a GPU (")
    assert "experiment=NAME takes another, kept in runs/a" in line


@pytest.mark.usefixtures("gpu")
def test_a_run_is_trained_by_its_recipe_and_remembers_it(
    told: list[tuple[str, Config]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert mirage("run", "images.path=F", "run=runs/a", "train.steps=20000") == 0
    assert "recipe: photos_128, since photos_256 wants" in capsys.readouterr().out
    (first, before), *after = told
    assert first == "images" and before.recipe == AUTO
    assert {config.recipe for _, config in after} == {"photos_128"}
    trained = dict(told)["train"]
    assert trained.data.resolution == 128 and trained.train.steps == 20_000
    assert load_config(["run=runs/a"]) == trained
    told.clear()
    assert mirage("run", "run=runs/a") == 0
    assert "recipe" not in capsys.readouterr().out
    assert all(config == trained for _, config in told)


def test_what_was_typed_before_the_choice_is_remembered_for_it(
    told: list[tuple[str, Config]], gpu: None
) -> None:
    assert mirage("images", "images.path=F", "run=runs/a", "train.steps=20000") == 0
    assert mirage("poses", "run=runs/a", "data.batch_size=64") == 0
    assert load_config(["run=runs/a"]).recipe == AUTO  # what trains may be another machine
    assert mirage("train", "run=runs/a") == 0
    trained = dict(told)["train"]
    assert trained.recipe == "photos_128" and trained.data.resolution == 128
    assert trained.train.steps == 20_000 and trained.data.batch_size == 64
    assert trained.given == []


@pytest.mark.usefixtures("gpu")
def test_a_run_from_before_recipes_stays_as_it_began(told: list[tuple[str, Config]]) -> None:
    save_config(load_config(["run=runs/a", "images.path=F"]))
    path = Path("runs/a") / SAVED
    old = OmegaConf.load(path)
    for key in ("recipe", "given", "budget"):
        old.pop(key)
    OmegaConf.save(old, path)
    assert mirage("run", "run=runs/a") == 0
    assert {config.recipe for _, config in told} == {None}
    assert dict(told)["train"].data.resolution == Config().data.resolution


def test_minutes_are_fitted_once(
    told: list[tuple[str, Config]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    there = Circumstances("cpu", 8.0, False, 1e11, 1, 7000, 300, 6.0)
    monkeypatch.setattr(circumstances, "look_around", lambda config, images: there)
    words = ["images.path=F", "run=runs/a", "budget.minutes=6"]
    assert mirage("run", *words) == 0
    said = capsys.readouterr().out
    assert "recipe: photos_128_small" in said and "about 6 minutes" in said
    trained = dict(told)["train"]
    assert trained.budget.share is not None and 0.02 < trained.budget.share < 0.2
    assert trained.train.steps == round(12_000 * trained.budget.share)
    told.clear()
    assert mirage("run", *words) == 0  # the same words again are no other budget
    assert dict(told)["train"] == trained
    with pytest.raises(MirageError, match="settled already"):
        load_config(["run=runs/a", "budget.minutes=60"])


def test_steps_that_were_given_take_their_time_and_it_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = Circumstances("cpu", 8.0, False, 1e11, 1, 7000, 300, 6.0)
    monkeypatch.setattr(circumstances, "look_around", lambda config, images: there)
    words = ["images.path=F", "budget.minutes=6", "train.steps=5000"]
    config, line = settle(load_config(words), photos())
    assert config.train.steps == 5000 and config.refine.steps < 200
    assert "5000 steps, about 47 minutes" in line


def test_an_experiment_that_is_named_is_fitted_too(told: list[tuple[str, Config]]) -> None:
    words = ["experiment=photos_128_small", "images.path=F", "run=runs/a", "budget.minutes=1e6"]
    assert mirage("run", *words) == 0
    trained = dict(told)["train"]
    assert trained.recipe == "photos_128_small" and trained.budget.share == 1.0
    assert trained.train.steps == 12_000


@pytest.mark.usefixtures("gpu")
def test_a_dry_run_tries_the_recipe_and_keeps_none_of_it(told: list[tuple[str, Config]]) -> None:
    assert mirage("images", "images.path=F", "run=runs/a") == 0
    before = (Path("runs/a") / SAVED).read_text()
    assert mirage("train", "run=runs/a", "dry_run=true") == 0
    assert dict(told)["train"].recipe == "photos_128"
    assert (Path("runs/a") / SAVED).read_text() == before


def test_an_autoencoder_out_of_reach_ends_a_run_before_its_first_stage(
    told: list[tuple[str, Config]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("mirage.model.codec.hub_answers", lambda: False)
    monkeypatch.setenv("HF_HUB_CACHE", "nothing")
    assert mirage("run", "experiment=photos_256", "images.path=F", "run=runs/a") == 1
    said = capsys.readouterr().err
    assert "no hub answers" in said and "experiment=photos_128" in said
    assert told == []
    RunFolder(Path("runs/a")).finish("model", "key")  # nothing is left to be encoded
    assert mirage("run", "run=runs/a") == 0


def test_processes_train_by_what_the_first_one_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter([GPU, replace(GPU, photos=10, side=32)])
    monkeypatch.setattr(circumstances, "look_around", lambda config, images: next(looks))
    config = load_config(["images.path=F"])
    local = threading.local()
    monkeypatch.setattr(circumstances, "join_ranks", lambda: local.ranks)

    def work(ranks: Ranks) -> str | None:
        local.ranks = ranks
        return settle(config, photos())[0].recipe

    assert share_out(2, work) == ["photos_128", "photos_128"]
