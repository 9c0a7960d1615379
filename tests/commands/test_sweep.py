"""Sweeps, with stages that only write what they would have measured; and one with true ones."""

from __future__ import annotations

import csv
import json
import os
import shlex
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mirage.cli import main
from mirage.commands.stages.images import images_key
from mirage.commands.stages.poses import poses_key
from mirage.commands.stages.train import model_key
from mirage.commands.sweep import run_sweep as run
from mirage.config import Config, PlotConfig
from mirage.config.load import load_config
from mirage.core.errors import MirageError
from mirage.core.locks import held
from mirage.distributed.ranks import Ranks
from mirage.runs.folder import RunFolder, hash_of, write_json
from mirage.sweeps.multirun import Multirun, load_multirun
from mirage.sweeps.table import figure_names

SOURCE = ["images.source=turntable"]


class Stages:
    """What `mirage images`, `poses` and `train` do, but for the work; counts it by folder."""

    def __init__(self, poses: Callable[[Config, str], str] | None = None) -> None:
        self.key_of_poses = poses or (lambda config, images: hash_of(config.parts, config.poses))
        self.worked: Counter[tuple[str, str]] = Counter()
        self.before: Callable[[Config], None] = lambda config: None

    def __call__(self, command: str, config: Config) -> None:
        if command == "poses":
            self.before(config)
        folder = RunFolder(Path(config.run))
        key = images_key(config)
        if command != "images":
            key = self.key_of_poses(config, key)
        if command == "train":
            self.train(config, folder, model_key(config, key))
        elif not folder.is_done(command, key):
            self.worked[command, folder.root.name] += 1
            score = max(config.poses.counts, default=24) + config.parts.seed
            figures = {"score": score, "name": "words"}
            write_json(folder[command] / "summary.json", figures)
            folder.finish(command, key)
        print(f"{command} of {folder.root.name}")

    def train(self, config: Config, folder: RunFolder, key: str) -> None:
        if not folder.is_done("model", key):
            self.worked["train", folder.root.name] += 1
            for stage in ("train", "model"):
                folder.unshare(stage)
                folder[stage].mkdir(exist_ok=True)
                folder.finish(stage, key)

    def count(self, command: str) -> int:
        return sum(number for (name, _), number in self.worked.items() if name == command)


@pytest.fixture
def stages() -> Stages:
    return Stages()


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Multirun:
    """Two values of K by two seeds."""
    monkeypatch.chdir(tmp_path)
    words = [
        *SOURCE,
        "run=runs/s",
        "poses.count=6,12",
        "parts.seed=1,3",
        "sweep.commands=[images,poses]",
        "sweep.figures=[poses.score]",
    ]
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
    words = [
        *SOURCE,
        "run=runs/s",
        "poses.count=6,12",
        "images.turntable.objects=20,40",
        "sweep.commands=[images,poses]",
    ]
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
    words = [
        *SOURCE,
        "run=runs/s",
        "poses.count=6,12",
        "train.steps=5,10,20",
        "sweep.commands=[images,poses]",
    ]
    sweep, stages = load_multirun(words), Stages(poses_key)
    run(sweep, stages)
    assert stages.count("images") == 1 and stages.count("poses") == 2
    for job in sweep.jobs:
        folder = RunFolder(Path(job.config.run))
        assert folder["images"].is_symlink() and folder["poses"].is_symlink()
        assert folder.key("poses") == poses_key(job.config, images_key(job.config))


def test_a_model_is_trained_once_for_jobs_that_differ_in_what_comes_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [
        *SOURCE,
        "run=runs/s",
        "train.steps=5,10",
        "views.guidance.pose.weight=0,1",
        "evaluate.seed=1,2",
    ]
    sweep, stages = load_multirun(words, "train"), Stages(poses_key)
    run(sweep, stages)
    counts = [stages.count(command) for command in ("images", "poses", "train")]
    assert counts == [1, 1, 2]
    for job in sweep.jobs:
        folder = RunFolder(Path(job.config.run))
        assert folder["train"].is_symlink() and folder["model"].is_symlink()
        assert folder.key("model") == model_key(job.config, folder.key("poses"))
    config = sweep.jobs[0].config
    again = replace(config, train=replace(config.train, steps=20))
    stages("train", again)  # goes its own way, and leaves the others theirs
    assert not RunFolder(Path(again.run))["model"].is_symlink()
    run(sweep, stages)
    assert stages.count("train") == 3 + 1  # it alone is trained as the sweep says again


def test_what_could_not_be_shared_fails_its_jobs_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [*SOURCE, "run=runs/s", "poses.count=6,12", "views.guidance.pose.weight=0,1,2"]
    sweep, stages = load_multirun(words, "train"), Stages(poses_key)
    seen = []

    def fail(config: Config) -> None:
        seen.append(config.run)
        if config.poses.count == 6:
            raise MirageError("too dark")

    stages.before = fail
    with pytest.raises(MirageError, match="3 of 6 jobs failed") as caught:
        run(sweep, stages)
    assert str(caught.value).count("shared poses: too dark (see runs/s/_shared/") == 3
    assert len(seen) == 2 + 3  # two made for all, then the jobs whose poses are there
    assert stages.count("train") == 1


def test_what_another_sweep_is_making_is_waited_for(sweep: Multirun, stages: Stages) -> None:
    config = sweep.jobs[0].config
    maker = Path("runs/s/_shared", images_key(config))
    with held(maker / ".lock"):
        other = threading.Thread(target=run, args=(sweep, stages))
        other.start()
        time.sleep(0.3)
        assert not stages.worked
        stages("images", replace(config, run=str(maker)))
    other.join()
    assert stages.count("images") == 1 and stages.count("poses") == 4


def test_a_sweep_is_not_for_several_processes(
    sweep: Multirun, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mirage.commands.sweep.find_ranks", lambda: Ranks(0, 2))
    with pytest.raises(MirageError, match="launcher=slurm"):
        run(sweep, stages)
    assert not stages.worked


def test_points_of_agents_share_and_leave_the_table_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    stages = Stages(poses_key)
    for name, weight in (("x1", 0), ("x2", 1), ("x1", 0)):
        words = [
            *SOURCE,
            "run=runs/s",
            f"views.guidance.pose.weight={weight}",
            f"sweep.point={name}",
        ]
        assert run(load_multirun(words, "train"), stages) == f"sweep: one point → runs/s/{name}"
    assert [stages.count(command) for command in ("images", "poses", "train")] == [1, 1, 1]
    assert sorted(path.name for path in Path("runs/s").iterdir()) == ["_shared", "x1", "x2"]
    assert RunFolder(Path("runs/s/x2")).is_done("model")
    stages.before = lambda config: 1 / 0  # type: ignore[assignment, return-value]
    with pytest.raises(MirageError, match="1 of 1 jobs failed"):  # which the agent must see
        words = [*SOURCE, "run=runs/s", "poses.count=6", "sweep.point=x3"]
        run(load_multirun(words, "train"), stages)


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


def test_images_of_its_own_are_left_to_a_job(sweep: Multirun, stages: Stages) -> None:
    own = sweep.jobs[0].config
    stages("images", own)
    run(sweep, stages)
    assert not RunFolder(Path(own.run))["images"].is_symlink()
    shared = json.loads(Path("runs/s/_shared", images_key(own), "images/.stamp.json").read_text())
    assert shared["key"] == images_key(own)


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
