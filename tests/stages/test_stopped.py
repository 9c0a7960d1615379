"""Commands that are killed, interrupted or run out of disk, and go on where they were."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import wandb
from tiny_runs import TINY, mirage

from mirage.sampler.pipeline import load_pipeline
from mirage.stages.learn.checkpoints import is_whole

LONGER = ["train.steps=100", "train.checkpoint_minutes=0.001", "train.validate_every=1000"]
BRIEF = ["train.steps=4", "train.validate_every=4"]


@pytest.fixture(scope="module")
def run(posed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with poses and a model trained for a moment."""
    folder = shutil.copytree(posed, tmp_path_factory.mktemp("runs") / "tiny")
    assert mirage("train", f"run={folder}", *BRIEF) == 0
    return folder


def _stop_when(
    reached: Callable[[], bool], number: signal.Signals, words: list[str]
) -> tuple[int, str]:
    """Start a command, signal it and its children as soon as `reached`; its status and stderr.

    The whole group gets the signal, as it does from Ctrl-C in a terminal.
    """
    process = _start(words)
    _wait_for(process, reached)
    os.killpg(process.pid, number)
    return _end(process)


def _start(words: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "mirage.cli", *words], text=True, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        # With this process's W&B service, the killed one's run would stay open in it.
        env={k: v for k, v in os.environ.items() if k != "WANDB_SERVICE"},
        # A suite started in the background passes on that SIGINT is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


def _wait_for(process: subprocess.Popen[str], reached: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not reached():
        assert process.poll() is None and time.monotonic() < end, "it ended before"
        time.sleep(0.01)


def _end(process: subprocess.Popen[str]) -> tuple[int, str]:
    said = process.communicate(timeout=120)[1]
    return process.returncode, said


INTERRUPTED = (130, "mirage: interrupted; the same command goes on from here\n")
stopped = pytest.mark.parametrize(
    ("number", "ends"), [(signal.SIGKILL, (-9, "")), (signal.SIGINT, INTERRUPTED)]
)


@stopped
@pytest.mark.parametrize("workers", [1, 2])
def test_a_stopped_rendering_goes_on_where_it_was(
    tmp_path: Path, workers: int, number: signal.Signals, ends: tuple[int, str]
) -> None:
    words = [
        "images", *TINY, "images.turntable.objects=30", f"images.turntable.workers={workers}",
        f"run={tmp_path / 'run'}",
    ]  # fmt: skip
    root = tmp_path / "run" / "images" / "turntable" / "cars-0-64px"
    assert _stop_when(lambda: bool(list(root.rglob("*.png"))), number, words) == ends
    done = {p: p.stat().st_mtime_ns for p in root.rglob("*.png") if not p.name.startswith(".")}
    assert 0 < len(done) < 180
    assert mirage(*words) == 0
    assert len(pq.read_table(tmp_path / "run" / "images" / "manifest.parquet")) == 180
    kept = [p for p, time_ns in done.items() if p.stat().st_mtime_ns == time_ns]
    assert len(kept) >= len(done) - 6 * workers  # at most the objects in hand are drawn again


def _untrained(run: Path, copy: Path) -> Path:
    return shutil.copytree(run, copy, ignore=shutil.ignore_patterns("train", "model"))


@pytest.fixture(scope="module")
def straight(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run trained for longer, and never stopped."""
    whole = _untrained(run, tmp_path_factory.mktemp("straight") / "whole")
    assert mirage("train", f"run={whole}", *LONGER) == 0
    return whole


@stopped
def test_a_stopped_training_resumes_and_equals_one_that_was_not(
    run: Path, straight: Path, tmp_path: Path, number: signal.Signals, ends: tuple[int, str]
) -> None:
    copy = _untrained(run, tmp_path / "copy")
    words = ["train", f"run={copy}", *LONGER]
    assert _stop_when((copy / "train" / "last.ckpt").exists, number, words) == ends
    rows = (copy / "train" / "metrics.csv").read_text().splitlines()
    assert len(rows) < 12  # it did not get to the end
    assert mirage(*words) == 0
    _assert_same_model(straight, copy)


def test_a_full_disk_ends_a_training_and_costs_no_checkpoint(
    run: Path, straight: Path, tmp_path: Path
) -> None:
    copy = _untrained(run, tmp_path / "copy")
    words, last = ["train", f"run={copy}", *LONGER], copy / "train" / "last.ckpt"

    def fill() -> None:  # for this process alone: no file may grow beyond what a checkpoint has
        size = last.stat().st_size // 2
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    process = _start(words)
    _wait_for(process, last.exists)
    fill()
    status, said = _end(process)
    assert status == 1 and "cannot be written" in said and "Traceback" not in said
    assert "goes on from the checkpoint before" in said
    assert is_whole(last)
    assert not [path for path in last.parent.iterdir() if path.name.startswith(".last")]
    assert mirage(*words) == 0
    _assert_same_model(straight, copy)


def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    run: Path, straight: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = _untrained(run, tmp_path / "copy")
    words, last = ["train", f"run={copy}", *LONGER], copy / "train" / "last.ckpt"
    before = last.with_name("before.ckpt")
    assert _stop_when(before.exists, signal.SIGTERM, words) == INTERRUPTED
    content = bytearray(last.read_bytes())
    content[len(content) // 2] ^= 1
    last.write_bytes(content)
    steps = torch.load(before, weights_only=True)["global_step"]
    assert mirage(*words) == 0
    assert f"{last} is damaged" in capsys.readouterr().out
    assert steps > 0 and last.with_name("last.ckpt.damaged").exists()
    _assert_same_model(straight, copy)


def test_a_training_without_a_whole_checkpoint_says_so(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copytree(run, tmp_path / "copy")
    (copy / "train" / ".stamp.json").unlink()
    for name in ("last.ckpt", "before.ckpt"):
        (copy / "train" / name).write_bytes(b"nothing")
    assert mirage("train", f"run={copy}") == 1
    assert "no checkpoint of this training can be read" in capsys.readouterr().err
    assert mirage("train", f"run={copy}") == 0  # from the beginning, as it said
    (copy / "train" / "last.ckpt").write_bytes(b"nothing")
    (copy / "model" / ".stamp.json").unlink()
    assert mirage("train", f"run={copy}") == 1
    assert "the checkpoint of a finished training is damaged" in capsys.readouterr().err


def _assert_same_model(run: Path, other: Path) -> None:
    one, two = (load_pipeline(f / "model").unet.state_dict() for f in (run, other))
    for name, value in one.items():
        np.testing.assert_allclose(value.numpy(), two[name].numpy(), atol=1e-4, err_msg=name)


def test_a_stopped_refinement_resumes_and_equals_one_that_was_not(
    run: Path, tmp_path: Path
) -> None:
    """Killed after its photos are turned and some of its steps are done."""
    words = ["refine.steps=60", "refine.photos=5", "train.checkpoint_minutes=0.001"]
    whole, copy = (shutil.copytree(run, tmp_path / name) for name in ("whole", "copy"))
    assert mirage("train", f"run={whole}", *words) == 0
    killed = ["train", f"run={copy}", *words]
    status, _ = _stop_when((copy / "refine" / "last.ckpt").exists, signal.SIGKILL, killed)
    assert status == -9 and not (copy / "model" / ".stamp.json").exists()
    turned = (copy / "refine" / "turned.npy").stat().st_mtime_ns
    assert mirage(*killed) == 0
    assert (copy / "refine" / "turned.npy").stat().st_mtime_ns == turned
    _assert_same_model(whole, copy)


def test_a_training_that_wandb_refuses_says_so_and_goes_on_without_it(
    posed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copytree(posed, tmp_path / "copy")

    def refuse(**_: object) -> None:
        raise wandb.errors.CommError("permission denied")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wandb, "init", refuse)
        assert mirage("train", f"run={copy}", *BRIEF) == 1
    said = capsys.readouterr().err
    assert "W&B could not be told: permission denied" in said and "WANDB_MODE=offline" in said
    assert "Traceback" not in said and len(said.splitlines()) <= 6
    assert mirage("train", f"run={copy}", *BRIEF) == 0
