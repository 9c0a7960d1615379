"""Training, turning and measuring on two processes give what one gives."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from processes import forked_ranks, torchrun
from tiny.runs import mirage

from mirage.sampler.export import load_pipeline

SHORT = [
    "train.steps=10",
    "train.validate_every=5",
    "refine.steps=10",
    "refine.photos=6",
    "views.count=3",
    "views.references=1",  # fewer than processes
    "evaluate.objects=3",
    "evaluate.photos=3",
    "evaluate.views=3",
    "evaluate.turn=4",
    "evaluate.modes=[start,soft]",
    "evaluate.baselines=false",
]


@pytest.fixture(scope="module")
def alone(posed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = shutil.copytree(posed, tmp_path_factory.mktemp("runs") / "alone")
    assert mirage("train", f"run={run}", *SHORT) == 0
    return run


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(forked_ranks, id="forked"),
        pytest.param(torchrun, id="torchrun", marks=pytest.mark.e2e),
    ],
)
def together(
    request: pytest.FixtureRequest, posed: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    run = shutil.copytree(posed, tmp_path_factory.mktemp("runs") / "together")
    done = request.param("train", f"run={run}", *SHORT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("train: 10 steps and 10 on pairs") == 1
    return run


def losses(path: Path) -> list[tuple[int, float]]:
    rows = csv.DictReader(path.read_text().splitlines())
    return [(int(row["step"]), float(row["train_loss"] or row["val_loss"])) for row in rows]


def test_two_processes_have_the_loss_curve_of_one(alone: Path, together: Path) -> None:
    for part in ("train", "refine"):
        one, two = (losses(run / part / "metrics.csv") for run in (alone, together))
        assert [step for step, _ in one] == [step for step, _ in two] and one
        assert np.allclose([x for _, x in one], [x for _, x in two], rtol=2e-3)


def test_two_processes_train_the_same_model(alone: Path, together: Path) -> None:
    one, two = (load_pipeline(run / "model").denoiser for run in (alone, together))
    for (name, a), (_, b) in zip(one.named_parameters(), two.named_parameters(), strict=True):
        assert np.allclose(a.detach(), b.detach(), atol=2e-3), name
    turned = [np.load(run / "refine" / "turned.npy") for run in (alone, together)]
    assert np.abs(turned[0].astype(int) - turned[1]).mean() < 1.0


def test_two_processes_are_one_run_of_wandb(together: Path) -> None:
    for part in ("train", "refine"):
        files = (together / part / "wandb").rglob("*.wandb")
        assert len({file.name for file in files}) == 1


def test_a_batch_that_cannot_be_shared_out_is_refused(posed: Path, tmp_path: Path) -> None:
    run = shutil.copytree(posed, tmp_path / "odd")
    done = forked_ranks("train", f"run={run}", *SHORT, "data.batch_size=7")
    assert done.returncode != 0
    assert "a batch of 7 cannot be shared out evenly to 2 processes" in done.stderr
    assert "Traceback" not in done.stderr


def both_ways(command: str, alone: Path, folder: Path) -> tuple[Path, Path]:
    """What one process does with a run, and two with a copy."""
    one, two = (shutil.copytree(alone, folder / name) for name in ("one", "two"))
    assert mirage(command, f"run={one}") == 0
    done = forked_ranks(command, f"run={two}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(f"{command}: ") == 1
    return one, two


def test_two_processes_make_the_same_views(alone: Path, tmp_path: Path) -> None:
    one, two = both_ways("views", alone, tmp_path)
    frames = [sorted((run / "views").glob("*/*.png")) for run in (one, two)]
    assert [p.relative_to(one) for p in frames[0]] == [p.relative_to(two) for p in frames[1]]
    for a, b in zip(*frames, strict=True):
        difference = np.asarray(Image.open(a), int) - np.asarray(Image.open(b), int)
        assert np.abs(difference).max() <= 1


@pytest.mark.e2e
def test_two_processes_measure_the_same(alone: Path, tmp_path: Path) -> None:
    runs = both_ways("evaluate", alone, tmp_path)
    tables = [json.loads((run / "evaluate" / "figures.json").read_text()) for run in runs]
    for part in ("views", "differences"):
        for a, b in zip(*(table[part] for table in tables), strict=True):
            row, other = numbers(a), numbers(b)
            # Of few views a covariance is singular: its root makes hundredths of roundings.
            fd, others = row.pop("fd", 0.0), other.pop("fd", 0.0)
            assert fd == pytest.approx(others, abs=5e-2, nan_ok=True)
            assert row == pytest.approx(other, rel=2e-2, abs=5e-3, nan_ok=True)


def numbers(row: dict[str, Any]) -> dict[str, float]:
    """What is measured of views, not of the machine."""
    own = ("seconds_a_view", "peak_memory_mib")
    return {k: v for k, v in row.items() if isinstance(v, float) and k not in own}
