"""Commands that are killed, interrupted or run out of disk, and go on where they were."""

from __future__ import annotations

import resource
import shutil
import signal
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import wandb
from processes import Command
from tiny.runs import BRIEF, TINY, mirage
from training_callbacks.held_training import Held

from mirage.sampler.export import load_pipeline
from mirage.training.checkpoints import is_whole

LONGER = ["train.steps=8", "train.checkpoint_minutes=0", "train.validate_every=1000"]


INTERRUPTED = (130, "mirage: interrupted; the same command resumes from here\n")
KILLED = (-9, "")
stopped = pytest.mark.parametrize(
    ("number", "ends"), [(signal.SIGKILL, KILLED), (signal.SIGINT, INTERRUPTED)]
)


@pytest.mark.parametrize(
    ("workers", "number", "ends"),
    [
        (1, signal.SIGKILL, KILLED),
        pytest.param(2, signal.SIGINT, INTERRUPTED, marks=pytest.mark.e2e),
        pytest.param(2, signal.SIGKILL, KILLED, marks=pytest.mark.e2e),
        pytest.param(1, signal.SIGINT, INTERRUPTED, marks=pytest.mark.e2e),
    ],
)
def test_a_stopped_rendering_goes_on_where_it_was(
    tmp_path: Path, workers: int, number: signal.Signals, ends: tuple[int, str]
) -> None:
    words = ["images", *TINY, f"images.turntable.workers={workers}", f"run={tmp_path / 'run'}"]
    root = tmp_path / "run" / "images" / "turntable" / "cars-0-64px"
    command = Command(*words, fresh=True)
    assert command.stop_when(lambda: list(root.rglob("*.png")), number) == ends
    done = {p: p.stat().st_mtime_ns for p in root.rglob("*.png") if not p.name.startswith(".")}
    assert 0 < len(done) < 72
    assert mirage(*words) == 0
    assert len(pq.read_table(tmp_path / "run" / "images" / "manifest.parquet")) == 72
    kept = [p for p, time_ns in done.items() if p.stat().st_mtime_ns == time_ns]
    assert len(kept) >= len(done) - 6 * workers  # at most the objects in hand are drawn again


@pytest.fixture(scope="module")
def straight(posed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run trained for longer, and never stopped."""
    whole = shutil.copytree(posed, tmp_path_factory.mktemp("straight") / "whole")
    assert mirage("train", f"run={whole}", *LONGER) == 0
    return whole


@stopped
def test_a_stopped_training_resumes_and_equals_one_that_was_not(
    posed: Path, straight: Path, tmp_path: Path, number: signal.Signals, ends: tuple[int, str]
) -> None:
    """Killed, it goes on from its last checkpoint; told to stop, it saves after the step."""
    copy, held = shutil.copytree(posed, tmp_path / "copy"), Held(tmp_path / "held", step=5)
    words = ["train", f"run={copy}", *LONGER, *held.words]
    status, said = Command(*words).stop_when(held.is_there, number)
    assert status == ends[0] and said.endswith(ends[1])
    assert not (copy / "model").exists()
    assert mirage(*words) == 0
    assert held.steps() == [*range(6), *range(5 if number == signal.SIGKILL else 6, 8)]
    _assert_same_model(straight, copy)


def test_a_full_disk_ends_a_training_and_costs_no_checkpoint(
    posed: Path, straight: Path, tmp_path: Path
) -> None:
    copy, held = shutil.copytree(posed, tmp_path / "copy"), Held(tmp_path / "held", step=5)
    words, last = ["train", f"run={copy}", *LONGER, *held.words], copy / "train" / "last.ckpt"
    command = Command(*words)
    command.wait_for(held.is_there)
    # For this process alone: no file may grow beyond a part of what a checkpoint has.
    limit = (last.stat().st_size // 2, resource.RLIM_INFINITY)
    resource.prlimit(command.pid, resource.RLIMIT_FSIZE, limit)
    held.go()
    done = command.wait()
    said = done.stderr
    assert done.returncode == 1 and "cannot be written" in said and "Traceback" not in said
    assert "resumes from the previous checkpoint" in said
    assert is_whole(last)
    assert not [path for path in last.parent.iterdir() if path.name.startswith(".last")]
    assert mirage(*words) == 0
    assert held.steps() == [*range(6), *range(5, 8)]
    _assert_same_model(straight, copy)


def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    posed: Path, straight: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy, held = shutil.copytree(posed, tmp_path / "copy"), Held(tmp_path / "held", step=5)
    words, last = ["train", f"run={copy}", *LONGER, *held.words], copy / "train" / "last.ckpt"
    assert Command(*words).stop_when(held.is_there, signal.SIGKILL)[0] == -signal.SIGKILL
    content = bytearray(last.read_bytes())
    content[len(content) // 2] ^= 1
    last.write_bytes(content)
    assert mirage(*words) == 0
    assert f"{last} is damaged" in capsys.readouterr().err
    assert last.with_name("last.ckpt.damaged").exists()
    assert held.steps() == [*range(6), *range(4, 8)]
    _assert_same_model(straight, copy)


def test_a_training_without_a_whole_checkpoint_says_so(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copytree(trained, tmp_path / "copy")
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


def test_a_training_that_is_under_way_is_waited_for(posed: Path, tmp_path: Path) -> None:
    copy, held = shutil.copytree(posed, tmp_path / "copy"), Held(tmp_path / "held", step=2)
    words = ["train", f"run={copy}", *BRIEF, *held.words]
    first = Command(*words)
    first.wait_for(held.is_there)
    second = Command(*words)
    second.wait_for(lambda: "waiting" in second.said())
    held.go()
    assert [first.wait().returncode, (done := second.wait()).returncode] == [0, 0]
    assert f"process {first.pid} on " in done.stdout
    assert held.steps() == [*range(4)]


def _assert_same_model(run: Path, other: Path) -> None:
    one, two = (load_pipeline(f / "model").unet.state_dict() for f in (run, other))
    for name, value in one.items():
        np.testing.assert_allclose(value.numpy(), two[name].numpy(), atol=1e-4, err_msg=name)


@pytest.mark.e2e
def test_a_stopped_refinement_resumes_and_equals_one_that_was_not(
    trained: Path, tmp_path: Path
) -> None:
    """Killed after its photos are turned and some of its steps are done."""
    words = ["refine.steps=6", "refine.photos=5", "train.checkpoint_minutes=0"]
    whole, copy = (shutil.copytree(trained, tmp_path / name) for name in ("whole", "copy"))
    assert mirage("train", f"run={whole}", *words) == 0
    held = Held(tmp_path / "held", part="refine", step=3)
    killed = ["train", f"run={copy}", *words, *held.words]
    assert Command(*killed).stop_when(held.is_there, signal.SIGKILL)[0] == -signal.SIGKILL
    assert not (copy / "model" / ".stamp.json").exists()
    turned = (copy / "refine" / "turned.npy").stat().st_mtime_ns
    assert mirage(*killed) == 0
    assert (copy / "refine" / "turned.npy").stat().st_mtime_ns == turned
    assert held.steps() == [*range(4), *range(3, 6)]
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
    assert "logging to W&B failed: permission denied" in said and "WANDB_MODE=offline" in said
    assert "Traceback" not in said and len(said.splitlines()) <= 6
    assert mirage("train", f"run={copy}", *BRIEF) == 0
