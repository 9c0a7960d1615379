"""W&B without a key: offline, silent, inside the run's folder, and the same run after a resume."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import pytest
import wandb
from PIL import Image

from callbacks.orbits import OrbitViews
from callbacks.tracking import log_evaluation, wandb_logger
from datamodules.posed import PosedImages
from mirage.config import TrainConfig, ViewsConfig
from mirage.contracts import PosedPhoto, PoseRing
from mirage.model.denoiser import PoseDenoiser
from mirage.model.lit import PoseDiffusion

MakeDenoiser = Callable[..., PoseDenoiser]
MakeData = Callable[[int], PosedImages]

pytestmark = pytest.mark.usefixtures("nobody")


def test_without_a_key_a_training_is_recorded_offline_in_its_folder(
    tmp_path: Path,
    make_denoiser: MakeDenoiser,
    make_data: MakeData,
    ring: PoseRing,
    photo: np.ndarray,
    read_back: Callable[[Path], Any],
    capfd: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "run" / "wandb"
    logger = wandb_logger(folder, "demo", {"poses": {"count": 4}})
    views = ViewsConfig(count=3, steps=2, mode="soft")
    trainer = lightning.Trainer(
        accelerator="cpu", max_steps=4, logger=logger, log_every_n_steps=2,
        enable_progress_bar=False, enable_model_summary=False, enable_checkpointing=False,
        use_distributed_sampler=False, num_sanity_val_steps=0, val_check_interval=2,
        check_val_every_n_epoch=None,
        callbacks=[OrbitViews([PosedPhoto(photo, 1, 90.0)], ring, views, tmp_path / "orbits")],
    )  # fmt: skip
    capfd.readouterr()
    try:
        trainer.fit(PoseDiffusion(make_denoiser(), TrainConfig(steps=4)), make_data(4))
        assert logger.experiment.offline
    finally:
        wandb.finish()
    assert "wandb" not in capfd.readouterr().err

    (file,) = folder.rglob("run-*.wandb")
    run = read_back(file)
    assert run.config["poses"] == {"count": 4}
    losses = {
        row["trainer/global_step"]: row["train/loss"] for row in run.history if "train/loss" in row
    }
    assert sorted(losses) == [1, 3] and all(0 < loss < 100 for loss in losses.values())
    pictures = [row for row in run.history if "views/orbits/path" in row]
    assert [row["trainer/global_step"] for row in pictures] == [2, 4]
    for row, step in zip(pictures, (2, 4), strict=True):
        for name, suffix in (("views/orbits", ".png"), ("views/turning", ".gif")):
            media = file.parent / "files" / row[f"{name}/path"]
            original = tmp_path / "orbits" / f"step_{step:07d}{suffix}"
            assert media.read_bytes() == original.read_bytes()
    assert not (tmp_path / "home" / ".local").exists()  # nothing is staged outside
    identity = (folder / "wandb_id.txt").read_text()
    assert logger.version == wandb_logger(folder, "demo", {}).version == identity


def test_a_mode_that_is_set_is_obeyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    wandb_logger(tmp_path / "wandb", "demo", {})
    assert os.environ["WANDB_MODE"] == "disabled"


def test_figures_join_the_run_of_the_training(
    tmp_path: Path, read_back: Callable[[Path], Any]
) -> None:
    folder, picture = tmp_path / "run" / "wandb", tmp_path / "reliability.png"
    Image.new("RGB", (30, 20), "white").save(picture)
    figures = {"ring_score": 0.9, "error": {"median_deg": 3}, "why": "12 poses", "groups": [1]}
    log_evaluation(folder, "demo", {}, figures, [picture])
    (file,) = folder.rglob("run-*.wandb")
    assert (folder / "wandb_id.txt").read_text() in file.name
    (row,) = (row for row in read_back(file).history if "evaluate/ring_score" in row)
    assert row["evaluate/ring_score"] == 0.9 and row["evaluate/error/median_deg"] == 3
    media = file.parent / "files" / row["evaluate/reliability/path"]
    assert media.read_bytes() == picture.read_bytes()
    assert not any("why" in name or "groups" in name for name in row)


def test_runs_of_a_group_say_so(tmp_path: Path, read_back: Callable[[Path], Any]) -> None:
    wandb_logger(tmp_path / "wandb", "a", {}, "guidance").experiment.finish()
    log_evaluation(tmp_path / "other", "b", {}, {"psnr": 20.0}, [], "guidance")
    files = [*(tmp_path / "wandb").rglob("run-*.wandb"), *(tmp_path / "other").rglob("run-*.wandb")]
    about = [read_back(file).about for file in files]
    assert [run["group"] for run in about] == ["guidance", "guidance"]
    assert about[0]["id"] != about[1]["id"]


def test_an_agents_run_is_the_one_that_it_asks_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_back: Callable[[Path], Any]
) -> None:
    """In training, and in what is measured afterwards elsewhere."""
    monkeypatch.setenv("WANDB_SWEEP_ID", "sweep1")
    monkeypatch.setenv("WANDB_RUN_ID", "run7")
    wandb.teardown()  # it reads the environment once
    try:
        wandb_logger(tmp_path / "train", "a", {}).experiment.finish()
        log_evaluation(tmp_path / "evaluate", "a", {}, {"psnr": 20.0}, [])
    finally:
        wandb.teardown()
    files = [next((tmp_path / name).rglob("run-*.wandb")) for name in ("train", "evaluate")]
    for file in files:
        about = read_back(file).about
        assert (about["id"], about["sweep"]) == ("run7", "sweep1")
        assert (file.parents[2] / "wandb_id.txt").read_text() == "run7"


def test_a_run_id_alone_is_not_an_agents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several trainings of one process would go into one run."""
    monkeypatch.setenv("WANDB_RUN_ID", "run7")
    assert wandb_logger(tmp_path / "wandb", "a", {}).version != "run7"
