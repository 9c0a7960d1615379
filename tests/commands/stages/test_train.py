"""What a training learns from."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny.runs import BRIEF, mirage

from mirage.commands.stages.train import identify
from mirage.config import Config
from mirage.core.contracts import PoseLabels
from mirage.training.checkpoints import step_of
from mirage.training.data import without_outliers


@pytest.mark.parametrize(("strange", "kept"), [([1, 4], [0, 2]), ([0, 2, 4], [0, 2, 4])])
def test_outliers_are_left_out_unless_there_is_nothing_else(
    strange: list[int], kept: list[int]
) -> None:
    outlier = np.isin(np.arange(6), strange)
    one = np.zeros(6)
    labels = PoseLabels(one.astype(int), one, one, one[:, None].astype(int), one[:, None], outlier)
    assert without_outliers(np.array([0, 2, 4]), labels).tolist() == kept


def test_what_does_not_change_a_training_does_not_tell_it_from_another() -> None:
    config = Config()
    elsewhere = replace(config, data=replace(config.data, gpu_memory=0.9))
    assert identify(elsewhere, "poses") == identify(config, "poses")
    other = replace(config, data=replace(config.data, balance=0.9))
    assert identify(other, "poses") != identify(config, "poses")


KEEPS = "{_target_: lightning.pytorch.callbacks.ModelCheckpoint, monitor: val/loss"
LISTS = "{_target_: training_callbacks.counted_batches.CountBatches, of: [0, 2]}"


def test_callbacks_of_a_persons_own_are_kept_and_may_change(posed: Path, tmp_path: Path) -> None:
    """One with a list and a state, and a checkpoint like ours; then others, then none."""
    copy = shutil.copytree(posed, tmp_path / "copy")
    for steps, callbacks in (
        (2, f"{{keep: {KEEPS}}}, count: {LISTS}}}"),
        (4, f"{{keep: {KEEPS}}}, count: {LISTS}}}"),
        (6, f"{{count: {LISTS}, keep: {KEEPS}, mode: max}}}}"),
        (8, f"{{keep: {KEEPS}, dirpath: {tmp_path / 'kept'}, save_last: true}}}}"),
        (10, "{}"),
    ):
        words = [*BRIEF, f"train.steps={steps}", "train.validate_every=1"]
        assert mirage("train", f"run={copy}", *words, f"train.callbacks={callbacks}") == 0
        assert step_of(copy / "train" / "last.ckpt") == steps
    assert (tmp_path / "kept" / "last.ckpt").exists()


def test_a_training_is_not_taken_for_a_shorter_one(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copytree(trained, tmp_path / "copy")
    assert mirage("train", f"run={copy}", "train.steps=3") == 1
    said = capsys.readouterr().err
    assert (
        "trained for 4 steps already, 3 are asked for" in said and "ask for 4 steps or more" in said
    )
    assert step_of(copy / "train" / "last.ckpt") == 4
    assert mirage("train", f"run={copy}", "train.steps=4") == 0
    assert not list(copy.glob("train.before-*"))


def test_weights_whose_poses_were_not_compared_with_the_runs_are_not_started_from(
    posed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copytree(posed, tmp_path / "copy")
    words = [f"run={copy}", "pretrained=turntable_cars"]
    assert mirage("train", *words, *BRIEF) == 1
    assert f"mirage poses run={copy} pretrained=turntable_cars" in capsys.readouterr().err
