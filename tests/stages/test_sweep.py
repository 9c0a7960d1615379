"""Sweeps, with stages that only write what they would have measured; and one with true ones."""

from __future__ import annotations

import csv
import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mirage.cli import main
from mirage.config import Config, PlotConfig
from mirage.errors import MirageError
from mirage.multirun import Multirun, load_multirun
from mirage.stages.folder import RunFolder, hash_of, write_json
from mirage.stages.images import images_key
from mirage.stages.poses import poses_key
from mirage.stages.sweep import run

SOURCE = ["images.source=turntable"]


class Stages:
    """What `mirage images` and `mirage poses` do, but for the work; counts it by folder."""

    def __init__(self, poses: Callable[[Config, str], str] | None = None) -> None:
        self.key_of_poses = poses or (lambda config, images: hash_of(config.parts, config.poses))
        self.worked: Counter[tuple[str, str]] = Counter()
        self.before: Callable[[Config], None] = lambda config: None

    def __call__(self, command: str, config: Config) -> None:
        if command == "poses":
            self.before(config)
        folder = RunFolder(Path(config.run))
        images = images_key(config)
        key = images if command == "images" else self.key_of_poses(config, images)
        if not folder.is_done(command, key):
            self.worked[command, folder.root.name] += 1
            score = max(config.poses.counts, default=24) + config.parts.seed
            figures = {"score": score, "name": "words"}
            write_json(folder[command] / "summary.json", figures)
            folder.finish(command, key)
        print(f"{command} of {folder.root.name}")

    def count(self, command: str) -> int:
        return sum(number for (name, _), number in self.worked.items() if name == command)


@pytest.fixture
def stages() -> Stages:
    return Stages()


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Multirun:
    """Two values of K by two seeds."""
    monkeypatch.chdir(tmp_path)
    words = [*SOURCE, "run=runs/s", "poses.count=6,12", "parts.seed=1,3",
             "sweep.commands=[images,poses]", "sweep.figures=[poses.score]"]  # fmt: skip
    return load_multirun(words)


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


def test_images_are_made_once_for_jobs_that_share_their_settings(
    stages: Stages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [*SOURCE, "run=runs/s", "poses.count=6,12", "images.turntable.objects=20,40",
             "sweep.commands=[images,poses]"]  # fmt: skip
    sweep = load_multirun(words)
    run(sweep, stages)
    assert stages.count("images") == 2 and stages.count("poses") == 4
    for job in sweep.jobs:
        images = RunFolder(Path(job.config.run))["images"]
        assert images.is_symlink() and not os.path.isabs(images.readlink())
        assert RunFolder(Path(job.config.run)).key("images") == images_key(job.config)
    os.rename("runs", "moved")  # links still lead there
    assert (Path("moved/s") / sweep.jobs[0].name / "images" / "summary.json").exists()


def test_poses_are_made_once_for_jobs_that_share_their_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [*SOURCE, "run=runs/s", "poses.count=6,12", "train.steps=5,10,20",
             "sweep.commands=[images,poses]"]  # fmt: skip
    sweep, stages = load_multirun(words), Stages(poses_key)
    run(sweep, stages)
    assert stages.count("images") == 1 and stages.count("poses") == 2
    for job in sweep.jobs:
        folder = RunFolder(Path(job.config.run))
        assert folder["images"].is_symlink() and folder["poses"].is_symlink()
        assert folder.key("poses") == poses_key(job.config, images_key(job.config))


def test_views_are_found_by_their_mode(sweep: Multirun, stages: Stages) -> None:
    sweep.settings.figures.append("views.soft.psnr")

    def measured(config: Config) -> None:
        folder = RunFolder(Path(config.run))
        rows = [{"mode": "none", "psnr": 1.0}, {"mode": "soft", "psnr": 21.5}]
        write_json(folder["evaluate"] / "figures.json", {"views": rows})
        folder.finish("evaluate", "x")

    stages.before = measured
    run(sweep, stages)
    assert "| 6 | 2 | 8 ± 1.4 | 21.5 ± 0 |" in Path("runs/s/table.md").read_text()


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
    stages.before = lambda config: None
    assert "4 jobs" in run(sweep, stages)
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
    words = [*SOURCE, "run=runs/s", "sweep.commands=[images,poses]", "sweep.figures=[poses.score]",
             "+sweep.variants={base:{parts.seed:'1,3'},few:{poses.count:6,poses.topk:2}}",
             "+sweep.plots={all:{y:[poses.score,poses.name]}}"]  # fmt: skip
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


def test_images_of_its_own_are_left_to_a_job(sweep: Multirun, stages: Stages) -> None:
    own = sweep.jobs[0].config
    stages("images", own)
    run(sweep, stages)
    assert not RunFolder(Path(own.run))["images"].is_symlink()
    shared = json.loads(Path("runs/s/_shared", images_key(own), "images/.stamp.json").read_text())
    assert shared["key"] == images_key(own)


def test_the_command_finds_poses_on_a_tiny_turntable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [
        "images.source=turntable", "images.turntable.objects=10", "images.turntable.views=6",
        "images.turntable.workers=1", "backbone=effnet_lite", "backbone.size=64",
        "parts.count=16", "poses.restarts=2", "poses.count=4,6", "sweep.commands=[images,poses]",
        "run=runs/tiny",
    ]  # fmt: skip
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
