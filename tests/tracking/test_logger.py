"""W&B without a key: offline, silent, inside the run's folder, and the same run after a resume."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import pytest
import wandb
from offline_runs import read_run, read_runs
from PIL import Image
from views_settings import views_config

from mirage.callbacks.history import MetricsFile
from mirage.callbacks.orbits import OrbitViews
from mirage.config import TrainConfig
from mirage.core.contracts import PosedPhoto, PoseRing
from mirage.core.errors import MirageError
from mirage.datamodules.posed import PosedImages
from mirage.model.denoiser import PoseDenoiser
from mirage.model.lit import PoseDiffusion
from mirage.tracking import logger as tracking_logger
from mirage.tracking.key import Mode
from mirage.tracking.logger import Record, recording, wandb_logger

MakeDenoiser = Callable[..., PoseDenoiser]
MakeData = Callable[[int], PosedImages]

pytestmark = pytest.mark.usefixtures("nobody")


def test_without_a_key_a_training_is_recorded_offline_in_its_folder(
    tmp_path: Path,
    make_denoiser: MakeDenoiser,
    make_data: MakeData,
    ring: PoseRing,
    photo: np.ndarray,
    capfd: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "run" / "train" / "wandb"
    logger = wandb_logger(Record(folder, "demo", "train", {"poses": {"count": 4}}))
    views, references = views_config(count=3, steps=2), {"one": PosedPhoto(photo, 1, 90.0)}
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_steps=4,
        logger=logger,
        log_every_n_steps=2,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        val_check_interval=2,
        check_val_every_n_epoch=None,
        callbacks=[
            OrbitViews(references, ring, views, tmp_path / "orbits"),
            MetricsFile(tmp_path / "metrics.csv", every=2),
        ],
    )
    capfd.readouterr()
    try:
        trainer.fit(PoseDiffusion(make_denoiser(), TrainConfig(steps=4)), make_data(4))
        assert logger.experiment.offline
    finally:
        wandb.finish()
    assert "wandb" not in capfd.readouterr().err

    (file,) = folder.rglob("run-*.wandb")
    run = read_run(file)
    assert run.config["poses"] == {"count": 4}
    losses = {
        row["trainer/global_step"]: row["train/loss"] for row in run.history if "train/loss" in row
    }
    assert sorted(losses) == [2, 4] and all(0 < loss < 100 for loss in losses.values())
    pictures = [row for row in run.history if "views/orbits/path" in row]
    assert [row["trainer/global_step"] for row in pictures] == [2, 4]
    for row, step in zip(pictures, (2, 4), strict=True):
        media = file.parent / "files" / row["views/orbits/path"]
        assert media.read_bytes() == (tmp_path / "orbits" / f"step_{step:07d}.png").read_bytes()
        (film,) = row["views/turning/videos"]
        assert film["caption"] == "one"
        assert Image.open(file.parent / "files" / film["path"]).n_frames == 3
        assert "views/target_pose_accuracy" not in row  # nobody read them
        assert 0 < row["views/colour_distance"] < 1
    assert not (tmp_path / "home" / ".local").exists()  # nothing is staged outside
    identity = (folder / "wandb_id.txt").read_text()
    assert logger.version == wandb_logger(Record(folder, "demo", "train")).version == identity


def test_a_mode_that_is_set_is_obeyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    wandb_logger(Record(tmp_path / "run" / "train" / "wandb", "demo", "train"))
    assert os.environ["WANDB_MODE"] == "disabled"


def test_what_is_recorded_later_goes_on_or_is_a_run_of_its_own(tmp_path: Path) -> None:
    for resumes in (True, False):
        record = Record(tmp_path / str(resumes) / "wandb", "demo", "train", resumes=resumes)
        for number in range(2):
            with recording(record) as run:
                run.log({"val/loss": number})
    runs = {name: read_runs(tmp_path / name) for name in ("True", "False")}
    assert [len({run.about["id"] for run in found}) for found in runs.values()] == [1, 2]
    assert [run.history[0]["val/loss"] for found in runs.values() for run in found] == [0, 1] * 2
    assert runs["True"][0].summaries["val/loss"] == {"min", "last"}


def test_a_server_that_refuses_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise wandb.errors.CommError("permission denied")

    monkeypatch.setattr(wandb, "init", refuse)
    with (
        pytest.raises(MirageError, match="logging to W&B failed: permission denied") as caught,
        recording(Record(tmp_path / "run" / "views" / "wandb", "a", "views")),
    ):
        pass
    assert "WANDB_MODE=offline" in caught.value.todo


def test_a_run_that_was_deleted_there_gives_way_to_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, begin, asked = tmp_path / "run" / "train" / "wandb", wandb.init, list[str]()

    def init(**settings: Any) -> Any:
        asked.append(settings["id"])
        if len(asked) == 1:
            raise wandb.errors.CommError("run a was previously created and deleted")
        return begin(**settings | {"mode": "offline"})

    monkeypatch.setattr(tracking_logger, "find_mode", lambda: Mode("online", "there is a key"))
    monkeypatch.setattr(wandb, "init", init)
    with recording(Record(folder, "a", "train")) as run:
        assert run.id == asked[1] != asked[0]
    assert (folder / "wandb_id.txt").read_text() == asked[1]


def test_a_record_says_what_it_is_of(tmp_path: Path) -> None:
    """And not of the repository that the command happens to be called in."""
    record = Record(
        tmp_path / "run" / "train" / "wandb", "a", "views", {"seed": 3}, "guidance", "c0ffee"
    )
    with recording(record):
        pass
    with recording(replace(record, folder=tmp_path / "other" / "wandb", commit=None)):
        pass
    one, other = read_runs(tmp_path / "run") + read_runs(tmp_path / "other")
    assert one.about | {"id": ""} == {
        "id": "",
        "name": "a",
        "group": "guidance",
        "job": "views",
        "sweep": "",
        "commit": "c0ffee",
    }
    assert one.config["seed"] == 3
    assert other.about["commit"] == "" and other.about["id"] != one.about["id"]


def test_an_agents_run_is_the_one_that_it_asks_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In training, and in what is measured afterwards elsewhere."""
    monkeypatch.setenv("WANDB_SWEEP_ID", "sweep1")
    monkeypatch.setenv("WANDB_RUN_ID", "run7")
    wandb.teardown()  # it reads the environment once
    names = ("train", "evaluate", "views")
    try:
        for name in names:
            record = Record(tmp_path / name / "wandb", "a", name, resumes=name != "views")
            with recording(record):
                pass
    finally:
        wandb.teardown()
    for name in names:
        (run,) = read_runs(tmp_path / name)
        assert (run.about["id"], run.about["sweep"]) == ("run7", "sweep1")
        assert (tmp_path / name / "wandb" / "wandb_id.txt").read_text() == "run7"


def test_a_run_id_alone_is_not_an_agents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several trainings of one process would go into one run."""
    monkeypatch.setenv("WANDB_RUN_ID", "run7")
    assert (
        wandb_logger(Record(tmp_path / "run" / "train" / "wandb", "a", "train")).version != "run7"
    )


def id_in(folder: Path) -> str:
    wandb_logger(Record(folder, "demo", "train"))
    return (folder / "wandb_id.txt").read_text()


def test_a_record_that_is_copied_is_another_run_and_one_that_is_moved_the_same(
    tmp_path: Path,
) -> None:
    first = id_in(tmp_path / "first" / "wandb")
    shutil.copytree(tmp_path / "first", tmp_path / "copied")
    copied = id_in(tmp_path / "copied" / "wandb")
    assert copied != first and id_in(tmp_path / "copied" / "wandb") == copied
    (tmp_path / "first").rename(tmp_path / "moved")
    assert id_in(tmp_path / "moved" / "wandb") == first


def test_an_empty_mode_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "")
    wandb_logger(Record(tmp_path / "wandb", "demo", "train"))
    assert os.environ["WANDB_MODE"] == "offline"
