"""Photos turned by weights that were trained before, in a run that trains nothing."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny.runs import mirage
from views_settings import views_config

from mirage.api import Mirage
from mirage.commands.stages.poses import poses_key
from mirage.commands.stages.train import identify
from mirage.config import Config, ViewsConfig
from mirage.config.load import load_config
from mirage.core.contracts import PoseRing
from mirage.core.errors import MirageError
from mirage.generation.pretrained import shipped
from mirage.generation.weights import as_advised, find_weights
from mirage.runs.folder import RunFolder
from mirage.sampler.export import BANK, export_pipeline, read_settings

BRIEF = ["views.count=2", "views.sampler.steps=2", "views.mode=none", "reference_pose=0"]


@pytest.fixture
def car(tmp_path: Path) -> Path:
    photo = np.full((48, 64, 3), 200, np.uint8)
    photo[20:40, 10:54] = (180, 30, 30)
    Image.fromarray(photo).save(tmp_path / "car.png")
    return tmp_path / "car.png"


def test_a_run_without_a_model_turns_photos_by_weights_that_ship(
    car: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [f"run={tmp_path / 'run'}", "pretrained=turntable_cars", *BRIEF]
    assert mirage("views", *words, f"views.reference={car}") == 0
    assert "turntable_cars turns" in capsys.readouterr().out
    views = tmp_path / "run" / "views" / "car"
    assert len(json.loads((views / "views.json").read_text())["views"]) == 2
    before = (views / "views.json").stat().st_mtime_ns
    assert mirage("views", *words, f"views.reference={car}") == 0  # they are there
    assert (views / "views.json").stat().st_mtime_ns == before
    assert mirage("views", *words) == 1
    assert "views.reference=car.jpg" in capsys.readouterr().err


def test_a_runs_own_model_comes_first_and_with_neither_it_is_said(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with pytest.raises(MirageError, match="needs the model"):
        find_weights(Config(), folder)
    config = load_config([f"run={tmp_path}", "pretrained=turntable_cars"])
    assert find_weights(config, folder).folder == shipped()["turntable_cars"]
    folder["model"].mkdir()
    folder.finish("model", "trained here")
    own = find_weights(config, folder)
    assert own.own and own.folder == folder["model"] and own.key == "trained here"


def test_weights_bring_what_they_are_best_turned_with(
    make_denoiser: object, ring: PoseRing, tmp_path: Path
) -> None:
    bank = shipped()["turntable_cars"] / BANK
    best = views_config(pose_guidance=3.0, mode="start", count=5, pose_interval=[0.6, 40.0])
    export_pipeline(make_denoiser(), ring, bank, tmp_path / "model", views=best)  # type: ignore[operator]
    assert read_settings(tmp_path / "model") == replace(best, count=ViewsConfig().count)
    views = as_advised(Config(), tmp_path / "model").views
    assert views == read_settings(tmp_path / "model")
    asked = as_advised(load_config(["views.guidance.pose.weight=2"]), tmp_path / "model").views
    assert asked.guidance.pose.weight == 2.0 and asked.mode == "start"
    assert Mirage.load(tmp_path / "model").config.views.guidance.pose.weight == 3.0
    assert read_settings(shipped()["turntable_cars"]) == ViewsConfig()


def test_what_was_typed_wins_also_where_it_is_the_default(tmp_path: Path) -> None:
    photos = shipped()["cars_photos"]
    assert read_settings(photos).guidance.perturbed.weight > 0.0  # or this shows nothing
    plain = ["pretrained=cars_photos", f"run={tmp_path}", "views.guidance.perturbed.weight=0"]
    for recipe in ([], ["experiment=cars_photos"]):
        config = load_config([*recipe, *plain])
        guidance = as_advised(config, photos).views.guidance
        assert guidance.perturbed.weight == 0.0
        assert guidance.pose == config.views.guidance.pose  # which is the recipe's, if there is one


def test_weights_trained_anew_in_their_place_are_others(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(shipped()["turntable_cars"], folder)
    config = load_config([f"pretrained={folder}"])
    poses, training = poses_key(config, "images"), identify(config, "poses")
    shutil.copytree(folder, tmp_path / "moved")
    moved = load_config([f"pretrained={tmp_path / 'moved'}"])
    assert (poses_key(moved, "images"), identify(moved, "poses")) == (poses, training)
    (folder / "pipeline.py").write_text("")
    assert poses_key(config, "images") != poses and identify(config, "poses") != training
