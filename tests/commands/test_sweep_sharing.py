"""What jobs of a sweep have in common is made once."""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from counted_stages import SOURCE, Stages

from mirage.commands.stages.images import images_key
from mirage.commands.stages.poses import poses_key
from mirage.commands.stages.train import model_key
from mirage.commands.sweep import run_sweep as run
from mirage.config import Config
from mirage.core.errors import MirageError
from mirage.core.locks import held
from mirage.runs.folder import RunFolder
from mirage.sweeps.multirun import Multirun, load_multirun


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


def test_images_of_its_own_are_left_to_a_job(sweep: Multirun, stages: Stages) -> None:
    own = sweep.jobs[0].config
    stages("images", own)
    run(sweep, stages)
    assert not RunFolder(Path(own.run))["images"].is_symlink()
    shared = json.loads(Path("runs/s/_shared", images_key(own), "images/.stamp.json").read_text())
    assert shared["key"] == images_key(own)
