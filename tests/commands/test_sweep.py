"""Sweeps, with stages that only write what they would have measured; and one with true ones."""

from __future__ import annotations

import csv
import json
import shlex
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from counted_stages import SOURCE, Stages
from PIL import Image

from mirage.cli import main
from mirage.commands.sweep import run_sweep as run
from mirage.config import Config, PlotConfig
from mirage.config.load import load_config
from mirage.core.errors import MirageError
from mirage.distributed.ranks import Ranks
from mirage.runs.folder import RunFolder, write_json
from mirage.sweeps.multirun import Multirun, load_multirun
from mirage.sweeps.table import figure_names


def test_the_table_holds_mean_and_spread_over_seeds(sweep: Multirun, stages: Stages) -> None:
    sweep.settings.plots["scores"] = PlotConfig("poses.count", ["poses.score"])
    assert "4 jobs, 2 rows" in run(sweep, stages)
    rows = list(csv.DictReader(Path("runs/s/table.csv").read_text().splitlines()))
    assert [(row["poses.count"], row["jobs"]) for row in rows] == [("6", "2"), ("12", "2")]
    for row, scores in zip(rows, ([7, 9], [13, 15]), strict=True):
        assert float(row["poses.score"]) == np.mean(scores)
        assert float(row["poses.score.std"]) == pytest.approx(np.std(scores, ddof=1))
    text = Path("runs/s/table.md").read_text()
    assert "| 6 | 2 | 8 ± 1.4 |" in text
    assert text.startswith("`mirage sweep images.source=turntable run=runs/s")
    assert np.ptp(np.asarray(Image.open("runs/s/scores.png"))) > 0


def test_a_sweep_is_not_for_several_processes(
    sweep: Multirun, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mirage.commands.sweep.find_ranks", lambda: Ranks(0, 2))
    with pytest.raises(MirageError, match="launcher=slurm"):
        run(sweep, stages)
    assert not stages.worked


@pytest.mark.parametrize(("command", "measures"), [("poses", "poses"), ("train", "poses views")])
def test_with_no_figures_named_what_is_measured_is_compared(command: str, measures: str) -> None:
    names = figure_names(load_multirun(["poses.count=6,12"], command))
    assert list(dict.fromkeys(name.split(".")[0] for name in names)) == measures.split()
    sweep = load_multirun(["poses.count=6,12", "sweep.figures=[poses.score]"], command)
    assert figure_names(sweep) == ["poses.score"]


def test_views_are_found_by_their_mode(sweep: Multirun, stages: Stages) -> None:
    sweep.settings.figures += ["views.soft.psnr", "views.mode.psnr"]
    for job in sweep.jobs:
        job.config.views.mode = "none"

    def measured(config: Config) -> None:
        folder = RunFolder(Path(config.run))
        rows = [{"mode": "none", "psnr": 1.0}, {"mode": "soft", "psnr": 21.5}]
        write_json(folder["evaluate"] / "figures.json", {"views": rows})
        folder.finish("evaluate", "x")

    stages.before = measured
    run(sweep, stages)
    assert "| 6 | 2 | 8 ± 1.4 | 21.5 ± 0 | 1 ± 0 |" in Path("runs/s/table.md").read_text()


def test_a_sweep_started_again_skips_what_is_done(sweep: Multirun, stages: Stages) -> None:
    run(sweep, stages)
    before = Path("runs/s/table.md").read_bytes()
    run(sweep, stages)
    assert set(stages.worked.values()) == {1}
    assert Path("runs/s/table.md").read_bytes() == before


def test_a_failed_job_is_reported_and_does_not_stop_the_others(
    sweep: Multirun, stages: Stages, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(config: Config) -> None:
        if config.poses.count == 6 and config.parts.seed == 1:
            raise MirageError("too dark", where="photo 3", todo="light")
        if config.poses.count == 12 and config.parts.seed == 3:
            raise ZeroDivisionError("a defect")

    stages.before = fail
    with pytest.raises(MirageError, match="2 of 4 jobs failed") as caught:
        run(sweep, stages)
    assert "poses.count=6,parts.seed=1: too dark (photo 3)" in str(caught.value)
    assert "poses.count=12,parts.seed=3: ZeroDivisionError: a defect" in str(caught.value)
    assert "Traceback" in Path("runs/s/poses.count=12,parts.seed=3/log.txt").read_text()
    assert "Traceback" not in capsys.readouterr().out
    table = Path("runs/s/table.md").read_text()
    assert "| 6 | 1 | 9 |" in table and "Failed: poses.count=6,parts.seed=1: too dark" in table
    alone = [line.strip() for line in str(caught.value).splitlines() if "&&" in line]
    failed = [sweep.jobs[0], sweep.jobs[3]]
    for line, job in zip(alone, failed, strict=True):  # what is told to run is that job
        for part, command in zip(line.split(" && "), sweep.commands, strict=True):
            mirage, name, *words = shlex.split(part)
            assert (mirage, name) == ("mirage", command) and load_config(words) == job.config
    stages.before = lambda config: None
    before = stages.worked.copy()
    assert "4 jobs" in run(sweep, stages)
    assert stages.worked - before == Counter({("poses", job.name): 1 for job in failed})
    assert stages.count("poses") == 4 and "Failed" not in Path("runs/s/table.md").read_text()


def test_an_interrupt_ends_the_sweep_and_it_goes_on_later(sweep: Multirun, stages: Stages) -> None:
    def interrupt(config: Config) -> None:
        if stages.count("poses") == 2:
            raise KeyboardInterrupt

    stages.before = interrupt
    with pytest.raises(KeyboardInterrupt):
        run(sweep, stages)
    assert stages.count("poses") == 2
    stages.before = lambda config: None
    run(sweep, stages)
    assert stages.count("poses") == 4 and set(stages.worked.values()) == {1}


def test_variants_are_rows_of_their_own(
    stages: Stages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [
        *SOURCE,
        "run=runs/s",
        "sweep.commands=[images,poses]",
        "sweep.figures=[poses.score]",
        "+sweep.variants={base:{parts.seed:'1,3'},few:{poses.count:6,poses.topk:2}}",
        "+sweep.plots={all:{y:[poses.score,poses.name]}}",
    ]
    assert "3 jobs, 2 rows" in run(load_multirun(words), stages)
    table = Path("runs/s/table.md").read_text()
    assert "| base | 2 | 26 ± 1.4 | – |" in table and "| few | 1 | 6 | – |" in table
    assert "No job has the figure poses.name." in table
    assert Path("runs/s/all.png").exists()


def test_a_plot_against_what_does_not_vary_is_left_out_and_said(
    sweep: Multirun, stages: Stages, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep.settings.plots["scores"] = PlotConfig("poses.grid", ["poses.score"])
    run(sweep, stages)
    assert "no plot scores, for poses.grid does not vary" in capsys.readouterr().out
    assert not Path("runs/s/scores.png").exists()


@pytest.mark.e2e
def test_the_command_finds_poses_on_a_tiny_turntable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [
        "images.source=turntable",
        "images.turntable.objects=10",
        "images.turntable.views=6",
        "images.turntable.workers=1",
        "backbone=effnet_lite",
        "backbone.size=64",
        "parts.count=16",
        "poses.restarts=2",
        "poses.discoveries=1",
        "poses.count=4,6",
        "sweep.commands=[images,poses]",
        "run=runs/tiny",
    ]
    with pytest.raises(SystemExit) as stop:
        main(["sweep", *words])
    said = capsys.readouterr()
    assert stop.value.code == 0, said.err
    assert said.out.splitlines()[-1] == "sweep: 2 jobs, 2 rows → runs/tiny/table.md"
    rows = list(csv.DictReader(Path("runs/tiny/table.csv").read_text().splitlines()))
    for row in rows:
        summary = Path(f"runs/tiny/poses.count={row['poses.count']}/poses/summary.json")
        assert float(row["poses.ring_score"]) == json.loads(summary.read_text())["ring_score"]
    assert len(list(Path("runs/tiny/_shared").iterdir())) == 1
    with pytest.raises(SystemExit) as stop:  # a job is a run like any other
        main(["poses", "run=runs/tiny/poses.count=6"])
    assert stop.value.code == 0 and "poses: 6 poses" in capsys.readouterr().out
    shared = {path: path.stat().st_mtime_ns for path in Path("runs/tiny/_shared").rglob("*")}
    with pytest.raises(SystemExit) as stop:  # and does not change what it shares
        main(["images", "run=runs/tiny/poses.count=6", "images.turntable.objects=9"])
    assert stop.value.code == 0 and "54 usable" in capsys.readouterr().out
    assert {
        path: path.stat().st_mtime_ns for path in Path("runs/tiny/_shared").rglob("*")
    } == shared
