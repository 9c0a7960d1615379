"""The poses in the record of a training: there once, and as what it stands on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import wandb
from offline_runs import read_runs
from PIL import Image

from mirage.callbacks.poses import PoseRecord
from mirage.tracking.artifacts import Bundle
from mirage.tracking.logger import Record, wandb_logger

pytestmark = pytest.mark.usefixtures("nobody")

PROVENANCE = {"key": "0123", "num_images": 1920, "parts": {"count": 256}}


@pytest.fixture(autouse=True)
def end_afterwards() -> Iterator[None]:
    yield
    wandb.finish()


@pytest.fixture
def poses(tmp_path: Path) -> Path:
    folder = tmp_path / "run" / "poses"
    folder.mkdir(parents=True)
    (folder / "labels.parquet").write_bytes(b"labels")
    (folder / "bank.safetensors").write_bytes(b"bank" * 100)
    pixels = np.random.default_rng(0).integers(0, 256, (12, 20, 3), dtype=np.uint8)
    for name in ("montage", "ring"):
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


def start_training(poses: Path, is_global_zero: bool = True) -> Any:
    """What a training does when it begins or resumes; the logger's run."""
    folder = poses.parent / "train" / "wandb"
    logger = wandb_logger(Record(folder, "demo", "train"))
    files = {name: poses / name for name in ("labels.parquet", "bank.safetensors")}
    record = PoseRecord(
        [poses / "montage.png", poses / "ring.png"],
        lambda: Bundle("poses", "0123456789", files, PROVENANCE),
        folder / "poses_logged.txt",
    )
    trainer: Any = SimpleNamespace(is_global_zero=is_global_zero, loggers=[logger])
    module: Any = None
    record.on_fit_start(trainer, module)
    return logger.experiment


def test_pictures_and_what_is_used_are_in_the_offline_record(tmp_path: Path, poses: Path) -> None:
    assert start_training(poses).offline
    wandb.finish()
    (run,) = read_runs(tmp_path / "run")
    (row,) = (row for row in run.history if "poses/montage/path" in row)
    for name in ("montage", "ring"):
        media = run.file.parent / "files" / row[f"poses/{name}/path"]
        assert media.read_bytes() == (poses / f"{name}.png").read_bytes()
    (artifact,) = run.logged("poses", used=True)
    assert artifact.name == "poses-01234567" and json.loads(artifact.metadata) == PROVENANCE
    assert run.config["uses_poses"] == f"poses-01234567:{artifact.digest}"
    contents = {entry.path: Path(entry.local_path) for entry in artifact.manifest.contents}
    assert set(contents) == {"labels.parquet", "bank.safetensors"}
    for name, copy in contents.items():
        assert copy.read_bytes() == (poses / name).read_bytes()
        assert copy.is_relative_to(tmp_path / "run") and not copy.samefile(poses / name)
    assert not (tmp_path / "home" / ".local").exists()  # nothing is staged outside


def test_a_resumed_training_logs_them_no_second_time(tmp_path: Path, poses: Path) -> None:
    for _ in range(2):
        start_training(poses)
        wandb.finish()
    runs = read_runs(tmp_path / "run")
    assert len(runs) == 2
    assert sum(len(run.artifacts) for run in runs) == 1
    assert all(run.summaries["val/loss"] == {"min", "last"} for run in runs)


def test_other_ranks_and_disabled_runs_leave_nothing(
    tmp_path: Path, poses: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    start_training(poses, is_global_zero=False)
    assert not list((tmp_path / "run").rglob("poses_logged.txt"))
    assert start_training(poses).disabled
    assert not list((tmp_path / "run").rglob("poses_logged.txt"))
    assert not list((tmp_path / "run").rglob("run-*.wandb"))
