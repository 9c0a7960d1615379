"""Sweeps: every shipped file lays out, every combination is a job, and mistakes are named."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from mirage import experiments
from mirage.config import Config, SweepConfig
from mirage.core.errors import MirageError
from mirage.sweeps.multirun import load_multirun

FOLDER = Path(str(experiments.__file__)).parent / "sweep"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
MANY = ("guidance", "noisy_labels", "poses_tried")  # jobs: seconds to lay out


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.e2e] * (name in MANY)) for name in NAMES]
)
def test_every_shipped_sweep_lays_out_and_changes_what_it_names(name: str) -> None:
    written = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())["sweep"]
    sweep = load_multirun([f"sweep={name}", "parts.seed=0"])  # fewer to check
    assert sweep.run == f"runs/{name}" and len(sweep.jobs) >= 3
    assert all(plot.y for plot in sweep.settings.plots.values())
    assert {job.variant for job in sweep.jobs} == set(written.get("variants", [""]))
    for key, values in written.get("grid", {}).items():
        if isinstance(values, list):
            assert list(dict.fromkeys(job.axes[key] for job in sweep.jobs)) == values
    settings = [repr(job.config).replace(job.config.run, "") for job in sweep.jobs]
    alike = 2 if "variants" in written else 0  # the seeds of the base, where the word says one
    assert len(set(settings)) >= len(settings) - alike


def test_every_combination_is_a_job_of_its_own_folder() -> None:
    sweep = load_multirun(
        ["poses.count=6,12", "parts.seed=range(3)", "run=runs/a", "data.balance=1"]
    )
    assert [(job.config.poses.count, job.config.parts.seed) for job in sweep.jobs] == [
        (count, seed) for count in (6, 12) for seed in range(3)
    ]
    assert sweep.jobs[0].name == "poses.count=6,parts.seed=0"
    assert {job.config.recipe for job in sweep.jobs} == {None}  # none is chosen for a point
    assert [job.config.run for job in sweep.jobs] == [f"runs/a/{job.name}" for job in sweep.jobs]
    assert {job.config.data.balance for job in sweep.jobs} == {1.0}
    assert all(type(job.config) is Config for job in sweep.jobs)


def test_a_word_replaces_the_sweeps_own_values_of_its_key() -> None:
    sweep = load_multirun(["sweep=poses_k", "poses.count=9,10", "parts.seed=5"])
    assert [job.axes for job in sweep.jobs] == [{"poses.count": 9}, {"poses.count": 10}]
    assert {job.config.poses.seed for job in sweep.jobs} == {5}


def test_a_variant_keeps_its_change_whatever_the_base_is_told() -> None:
    variants = "+sweep.variants={base:{},fine:{poses.grid:7},few:{parts.count:16}}"
    sweep = load_multirun([variants, "poses.grid=6"])
    grids = {job.variant: job.config.poses.grid for job in sweep.jobs}
    assert grids == {"base": 6, "fine": 7, "few": 6}
    assert [job.name for job in sweep.jobs] == ["base", "fine", "few"]


def test_whole_files_and_lists_can_be_swept() -> None:
    sweep = load_multirun(["backbone=dinov2,effnet_lite"])
    assert [job.config.backbone.name for job in sweep.jobs] == ["dinov2", "effnet_lite"]
    sweep = load_multirun(["backbone=effnet_lite", "backbone.layers=[4],[4,5]"])
    assert [job.config.backbone.layers for job in sweep.jobs] == [[4], [4, 5]]
    assert sweep.jobs[1].name == "backbone.layers=4,5"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "nothing varies"),
        (["poses.count=6"], "nothing varies"),
        (["poses.cuont=6,12"], "did you mean poses.count"),
        (["poses.count=six,12"], "poses.count"),
        (["poses.count=12,2"], "at least 3"),
        (["poses.count=12,12"], "two jobs are named poses.count=12"),
        (["poses.count=6,[12"], "mismatched"),
        (["poses.count"], "not an override"),
        (["sweep=nothing_like_it"], "nothing_like_it"),
        (["sweep=poses_k", "sweep.commands=[paint]"], "sweep.commands"),
        (["sweep=poses_k", "sweep.plots.poses_k.y=[]"], "sweep.plots"),
        (["hydra/launcher=submitit_slurm", "poses.count=6,12"], "launcher=NAME"),
        (["sweep=poses_k", "sweep.point=a"], "4 jobs are left"),
        (["poses.count=6", "sweep.point=../up"], "cannot name a file"),
        (["poses.count=6", "sweep.point=${oc.env:NOBODY_SETS_THIS}"], "NOBODY_SETS_THIS"),
        (["sweep=poses_tried", "sweep.variant=nobody"], "use one of base, with_colour"),
    ],
)
def test_a_mistake_is_named_before_anything_runs(words: list[str], says: str) -> None:
    with pytest.raises(MirageError) as caught:
        load_multirun(words)
    assert says in str(caught.value)


def test_names_that_are_no_file_names_are_refused() -> None:
    with pytest.raises(MirageError, match="cannot name a file"):
        SweepConfig(variants={"../up": {}})


@pytest.mark.parametrize(
    ("command", "road"),
    [
        ("sweep", "images poses evaluate"),
        ("images", "images"),
        ("train", "images poses train"),
        ("evaluate", "images poses train views evaluate"),
        ("run", "run"),
    ],
)
def test_jobs_run_the_road_up_to_the_command(command: str, road: str) -> None:
    assert load_multirun(["poses.count=6,12"], command).commands == tuple(road.split())
    named = load_multirun(["poses.count=6,12", "sweep.commands=[images,report]"], command)
    assert named.commands == ("images", "report")


def test_the_words_that_asked_for_it_are_kept() -> None:
    assert load_multirun(["poses.count=6,12"]).words == ("sweep", "poses.count=6,12")
    words = load_multirun(["poses.count=6,12"], "train").words
    assert words == ("train", "--multirun", "poses.count=6,12")


def test_jobs_are_of_the_sweeps_group_unless_another_is_named() -> None:
    sweep = load_multirun(["poses.count=6,12", "run=runs/a"])
    assert {job.config.group for job in sweep.jobs} == {"a"}
    sweep = load_multirun(["poses.count=6,12", "run=runs/a", "group=mine"])
    assert {job.config.group for job in sweep.jobs} == {"mine"}


def test_a_point_is_one_job_with_a_name_of_its_own() -> None:
    (job,) = load_multirun(["sweep=poses_k", "poses.count=6", "sweep.point=x1"]).jobs
    assert (job.name, job.config.run, job.config.poses.count) == ("x1", "runs/poses_k/x1", 6)
    assert job.config.group == "poses_k"


def test_one_variant_can_be_asked_for() -> None:
    sweep = load_multirun(["sweep=poses_tried", "sweep.variant=grid_7"])
    assert [(job.name, job.config.poses.grid) for job in sweep.jobs] == [("grid_7", 7)]


def test_a_value_can_be_written_in_terms_of_the_jobs_own() -> None:
    for job in load_multirun(["sweep=guidance"]).jobs:
        assert job.config.evaluate.modes == [job.config.views.mode]
