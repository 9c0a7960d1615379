"""What README and docs/ say is so: their commands and code run, and runs hold the files told of.

Every command of README, docs/ and the help is of one of four kinds, each a test of its own:

- *run*: done for real, on photos and finished runs of the names that the docs use, so small that
  it takes seconds;
- *resolved*: what takes hours, or a cluster, goes through the real command line up to where its
  first stage, sweep or job would start, with a checked configuration;
- *mentioned*: `mirage poses` in a sentence names a command, which must know the options named;
- *other*: make, pip and the like, each of a kind that is known here.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import yaml
from documentation.commands import ROOT, Typed, python_blocks
from documentation.files import differences, facts_in, files_of, keys_in, pattern, told
from documentation.kinds import OTHER, QUICK_START, SHORT, each, words_of
from PIL import Image
from tiny.runs import mirage

from mirage.cluster import launch
from mirage.commands import running
from mirage.commands import sweep as sweep_command
from mirage.commands.registry import COMMANDS, options_of
from mirage.config import Config
from mirage.config.overrides import flat_values
from mirage.core.errors import MirageError
from mirage.images.sources.registry import open_source
from mirage.runs.request import Request
from mirage.sweeps import multirun
from mirage.sweeps.multirun import Multirun
from mirage.tracking import workspace

# The same for commands on a run that is there.
SHORTER = {
    "poses": ["backbone.size=64"],
    "views": ["views.best_of=1"],
    "evaluate": ["evaluate.modes=[soft]", "evaluate.turn=0", "evaluate.baselines=false"],
}


# Told of in docs/files.md, and made by no run here: by other settings, damage, Slurm, W&B.
NOT_MADE = {
    "images/latents-<px>-<key>.npy",
    "images/latents-<px>-<key>-mirrored.npy",
    "poses/frames.npy",
    "poses/stability.png",
    "train/last.ckpt.damaged",
    "refine/turned.npy",
    "refine/turned.json",
    "refine/turned.done",
    "refine/turned.lock",
    "model/autoencoder/",
    "wandb/",
    "slurm/job.txt",
    "slurm/<job>_<process>_log.out",
    "views/<photo>/reference_<number>.png",
}


def test_a_run_holds_the_files_that_are_told_of_and_no_others(demo: Path) -> None:
    tables = told(ROOT / "docs" / "files.md")
    names = [name for table in tables.values() for name in table if is_file(name)]
    found = files_of(demo)
    made = {name: {f for f in found if pattern(name).fullmatch(f)} for name in names}
    assert {name for name, of in made.items() if not of} == NOT_MADE
    assert set(found) - set().union(*made.values()) == set()


def is_file(name: str) -> bool:
    """Whether a name of a table is a file's and not a key's."""
    return "/" in name or name == "config.yaml"


STRUCTURED = (
    "images/manifest.parquet",
    "images/rejected.csv",
    "images/source.json",
    "poses/labels.parquet",
    "poses/summary.json",
    "poses/bank.safetensors",
    "poses/gallery.npz",
    "train/metrics.csv",
    "model/model_index.json",
    "views/<photo>/views.json",
    "shape/<photo>/shape.json",
    "evaluate/figures.json",
    "evaluate/turned/<number>/turned.json",
    "autoencoder/figures.json",
)


@pytest.mark.parametrize("name", STRUCTURED)
def test_a_file_holds_the_keys_that_are_told_of_and_no_others(name: str, demo: Path) -> None:
    tables = told(ROOT / "docs" / "files.md")
    path = next(demo / file for file in files_of(demo) if pattern(name).fullmatch(file))
    expected = set(tables[name])
    if name == "evaluate/figures.json":
        expected |= {f"poses.{key}" for key in tables["poses/summary.json"]}
    assert differences(expected, keys_in(path)) == (set(), set())
    if name == "poses/bank.safetensors":
        facts = tables["poses/bank.safetensors, facts"]
        assert differences(facts, facts_in(path)) == (set(), set())


def test_a_csv_may_have_the_columns_that_are_told_of(tmp_path: Path) -> None:
    (tmp_path / "photos.csv").write_text("name\na.png\n")
    with pytest.raises(MirageError) as caught:
        list(open_source("csv", str(tmp_path / "photos.csv")).entries())
    columns = re.findall(r"\w+", caught.value.todo.split(":")[1])
    assert told(ROOT / "docs" / "data.md")["A CSV file"] == columns


@each("run")
def test_a_command_of_the_docs_runs(
    typed: Typed,
    world: Path,
    demo: Path,
    mine: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(world)
    words = words_of(typed)
    assert words is not None
    if str(typed) == QUICK_START:  # was run for the others to have it
        assert (mine / "report" / "index.html").exists()
        return
    begins = any(word.startswith("images.path=") for word in words)
    for name in set(re.findall(r"\bruns/(\w+)", " ".join(words))):
        if not begins and not (world / "runs" / name).exists() and name != "compare":
            shutil.copytree(demo, world / "runs" / name, copy_function=os.link)
    given = {word.split("=")[0] for word in words}
    more = SHORT if begins else SHORTER.get(words[0], [])
    more = [word for word in more if word.split("=")[0] not in given]
    if begins:  # a run of its own
        words = [re.sub(r"^run=runs", f"run={tmp_path}", word) for word in words]
    assert mirage(*words, *more) == 0, capsys.readouterr().err


@each("resolved")
def test_a_long_command_of_the_docs_gets_to_its_start(
    typed: Typed, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words, started = words_of(typed), []
    assert words is not None

    def note(name: str, *given: Any) -> str:
        started.append((name, given))
        return ""

    found = running.find_run

    def find_run(module: str) -> Callable[[Request], str]:
        stage = module.removeprefix("stages.")
        return found(module) if stage == module else lambda request: note(stage, request.config)

    monkeypatch.setattr(running, "find_run", find_run)
    monkeypatch.setattr(sweep_command, "run_sweep", lambda sweep, run: note("sweep", sweep))
    monkeypatch.setattr(running, "_settle", lambda config, speaks: config)  # there are no photos
    monkeypatch.setattr(running, "_require_autoencoder", lambda config: None)
    monkeypatch.setattr(launch, "submit", lambda name, work, config: note(name, config))
    monkeypatch.setattr(workspace, "_require_library", lambda: sys.exit(note("workspace") or 0))
    # The first points are laid out, as tests/sweeps/test_multirun.py lays out all.
    monkeypatch.setattr(multirun, "show_progress", lambda points, _: islice(points, 2))
    for path in world.iterdir():
        if path.name != "runs":
            (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    assert mirage(*words) == 0
    names, (given, *_) = zip(*started, strict=True)
    if words[0] == "workspace":
        return
    if isinstance(given[0], Multirun):
        assert names == ("sweep",) and len(given[0].jobs) == 2
        return
    submitted = any(word.startswith("launcher=") for word in words) and "dry_run=true" not in words
    assert names == ((words[0],) if submitted else COMMANDS[words[0]].stages)
    check_config(given[0], words[1:])


def check_config(config: Config, words: Sequence[str]) -> None:
    """What was typed is what a stage gets, and photos of this machine are where it says."""
    values = flat_values(config)
    for key, _, value in (word.partition("=") for word in words):
        if key in values:
            assert yaml.safe_load(values[key]) == yaml.safe_load(value)
    if config.images.path is not None and "://" not in config.images.path:
        open_source(config.images.source, config.images.path).parts()


@each("mentioned")
def test_a_command_that_the_docs_mention_is_one(
    typed: Typed, capsys: pytest.CaptureFixture[str]
) -> None:
    words = words_of(typed)
    assert words is not None
    if words[0] != "--help":
        assert set(words[1:]) <= {*options_of(words[0]), "--help"}
    assert mirage(words[0], "--help") == 0
    assert capsys.readouterr().out.startswith("mirage ")


@each("other")
def test_other_lines_of_the_docs_are_known(typed: Typed) -> None:
    program, *rest = typed.words
    assert program in OTHER and OTHER[program](rest)


def test_the_diffusers_example_runs(
    world: Path, demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(world)
    (example,) = [b for b in python_blocks(ROOT / "docs" / "python.md") if "DiffusionPipeline" in b]
    exec(example, {})
    assert Image.open("view.png").size == (16, 16)
