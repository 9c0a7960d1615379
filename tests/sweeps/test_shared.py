"""A sweep of the sampler on a tiny turntable: one training, and a record for each job."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from offline_runs import read_runs
from tiny.runs import BRIEF, TINY

from mirage.cli import main

MEASURED = [
    "views.sampler.steps=2",
    "evaluate.objects=2",
    "evaluate.photos=3",
    "evaluate.views=3",
    "evaluate.turn=0",
    "evaluate.baselines=false",
    "evaluate.modes=[soft]",
]


@pytest.mark.e2e
def test_jobs_of_one_training_are_measured_and_recorded_apart(
    tmp_path: Path,
    recorded: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [
        *TINY,
        *BRIEF,
        *MEASURED,
        "views.guidance.pose.weight=0,3",
        "sweep.commands=[images,poses,train,evaluate]",
        "run=runs/tiny",
    ]
    with pytest.raises(SystemExit) as stop:
        main(["train", "--multirun", *words])
    assert stop.value.code == 0, capsys.readouterr().err
    root = Path("runs/tiny")
    jobs = [root / f"views.guidance.pose.weight={weight}" for weight in (0, 3)]
    assert len(list(root.glob("_shared/*/train/last.ckpt"))) == 1
    assert all((job / "model").is_symlink() for job in jobs)
    rows = list(csv.DictReader((root / "table.csv").read_text().splitlines()))
    assert rows[0]["views.mode.psnr"] != rows[1]["views.mode.psnr"]
    for job, row in zip(jobs, rows, strict=True):
        figures = json.loads((job / "evaluate" / "figures.json").read_text())
        assert float(row["views.mode.psnr"]) == figures["views"][0]["psnr"]
    (trained,) = root.glob("_shared/*/train/wandb")
    records = [*(job / "evaluate" / "wandb" for job in jobs), trained]
    runs = [read_runs(record) for record in records]
    assert len({run.about["id"] for parts in runs for run in parts}) == 3
    assert {run.about["group"] for parts in runs for run in parts} == {"tiny"}
    made = {run.config.get("logs_model") for run in runs[2]} - {None}
    assert len(made) == 1
    assert all(run.config["uses_model"] in made for part in runs[:2] for run in part)
