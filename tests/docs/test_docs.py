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
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from documentation.commands import ROOT, Typed, python_blocks, typed_commands
from documentation.files import differences, facts_in, files_of, keys_in, pattern, told
from PIL import Image
from synthetic.shards import save_shards
from synthetic.solids import field_of, van, views_of
from tiny.runs import BRIEF, TINY, TINY_AUTOENCODER, mirage

from mirage.cluster import launch
from mirage.commands import running
from mirage.commands import sweep as sweep_command
from mirage.commands.registry import COMMANDS, options_of
from mirage.config import Config, ShapeConfig
from mirage.config.overrides import flat_values
from mirage.core.errors import MirageError
from mirage.evaluation import pose_figures
from mirage.generation import checks as refuse
from mirage.generation.kept_object import save_object
from mirage.generation.object_views import settings_of
from mirage.images.sources.registry import open_source
from mirage.poses.bank import PoseBank
from mirage.runs.request import Request
from mirage.shape.reconstruct import reconstruct
from mirage.sweeps import multirun
from mirage.sweeps.multirun import Multirun
from mirage.tracking import workspace

QUICK_START = "mirage run images.path=FOLDER run=runs/mine"
# A part of a command → why it is resolved and not run.
RESOLVED = {
    "experiment=": "a training of minutes to hours",
    "train.steps=": "a training of hours",
    "refine.photos=": "a training of hours",
    "model.autoencoder=": "a training of hours; tests/commands/test_road.py has a short one",
    "autoencoder ": "an hour; tests/commands/stages/test_autoencoder.py has a short one",
    "reconstruct ": "an object of minutes; tests/commands/stages/test_reconstruct.py makes one",
    "ablate ": "an ablation of minutes; tests/commands/test_road.py runs one",
    "sweep ": "a sweep of hours",
    "--multirun": "a sweep of hours",
    "launcher=": "needs a Slurm cluster; tests/cluster/test_launch.py has one",
    "workspace ": "needs W&B's server; tests/tracking/test_workspace.py stands in for it",
    "s3://": "needs a bucket; tests/images/sources/test_remote.py has servers",
    "evaluate.truth=": "needs azimuths of photos; the demo below is measured against a table",
    "poses.count=": "finds poses anew, as the quick start does",
}
RUN_ALL_THE_SAME = ("sweep.wandb=", "mirage images experiment=cars_photos")
# What begins a line that is no command of ours → whether the rest of it stands to reason.
OTHER: dict[str, Callable[[Sequence[str]], bool]] = {
    "apt": lambda words: words[0] == "install",
    "apt-get": lambda words: words[0] == "install",
    "cd": lambda words: len(words) == 1,
    "eval": lambda words: words == ["$(scripts/slurm_cluster.sh env)"],
    "git": lambda words: words[0] == "clone",
    "make": lambda words: set(words) <= make_targets(),
    "pip": lambda words: words[0] == "install",
    "pre-commit": lambda words: words == ["install"],
    "python": lambda words: (ROOT / words[0]).is_file(),
    "sbatch": lambda words: len(words) == 1,
    "scripts/gpu_check.sh": lambda words: "OUT" in words,
    "scripts/slurm_cluster.sh": lambda words: words[0] in ("start", "stop", "env"),
    "source": lambda words: words == [".venv/bin/activate"],
    "srun": lambda words: words[0] == "--pty",
    "tar": lambda words: "-C" in words,
    "wandb": lambda words: words[0] in ("agent", "leet", "login", "sweep", "sync"),
}


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def words_of(typed: Typed) -> list[str] | None:
    """What follows `mirage`, also where torchrun starts it; None of another program."""
    words = list(typed.words)
    if words[0] == "torchrun":
        words = words[words.index("-m") + 1 :]
    return words[1:] if words[0] in ("mirage", "mirage.cli") else None


def kind(typed: Typed) -> str:
    words = words_of(typed)
    if words is None:
        return "other"
    if words[0] not in ("doctor", "experiments") and all(w.startswith("-") for w in words[1:]):
        return "mentioned"
    line = f"mirage {' '.join(words)}"
    if any(part in line for part in RUN_ALL_THE_SAME):
        return "run"
    another_road = words[0] == "run" and "images.path=" in line and line != QUICK_START
    return "resolved" if another_road or any(part in line for part in RESOLVED) else "run"


def each(which: str) -> pytest.MarkDecorator:
    """The test is of every command of a kind; of those run, the first of each name in the loop."""
    params, names = [], set()
    for typed in typed_commands():
        if kind(typed) == which:
            name = (words_of(typed) or [""])[0]
            again = which == "run" and name in names
            params.append(pytest.param(typed, id=str(typed), marks=[pytest.mark.e2e] * again))
            names.add(name)
    return pytest.mark.parametrize("typed", params)


# What makes seconds of hours.
SHORT = [
    *(word for word in TINY if not word.startswith("images.")),
    *BRIEF,
    "views.count=3",
    "views.references=1",
    "evaluate.objects=2",
    "evaluate.photos=3",
    "evaluate.views=3",
    "evaluate.modes=[soft]",
    "evaluate.turn=0",
    "evaluate.baselines=false",
]
# The same for commands on a run that is there.
SHORTER = {
    "poses": ["backbone.size=64"],
    "views": ["views.best_of=1"],
    "evaluate": ["evaluate.modes=[soft]", "evaluate.turn=0", "evaluate.baselines=false"],
}


@pytest.fixture(scope="module")
def lenient() -> Iterator[None]:
    """Poses of so tiny a run are not sure of anything: no photo is refused for that here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(refuse, "SURE_ENOUGH", -1.0)
        patch.setattr(refuse, "CUT_OFF", 1.0)
        patch.setattr(PoseBank, "outlier_score", lambda self, found: np.full(len(found), -1e9))
        patch.setattr(pose_figures, "_STRANGERS", 2)
        yield


@pytest.fixture(scope="module")
def world(trained: Path, lenient: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all photos that the docs name, and a run that is trained, runs/demo."""
    world = tmp_path_factory.mktemp("world")
    (renders,) = (trained / "images" / "turntable").iterdir()
    photos = sorted(renders.rglob("[!.]*.png"))
    for folder, count in (("FOLDER", 50), ("photos", 50), ("more_photos", 2)):
        (world / folder).mkdir()
        for i, photo in enumerate(photos[:count]):  # 50 are the fewest that are taken
            os.link(photo, world / folder / f"{i:03d}.png")
    for name in ("car.jpg", "holiday.jpg", "car.png"):
        Image.open(photos[0]).save(world / name)
    save_shards(str(world / "cars"), [4] * 13)
    save_shards(str(world), [50])
    for name in ("cars.tar", "stanford_cars_192.tar"):
        os.link(world / "cars-000000.tar", world / name)
    shutil.copytree(trained, world / "runs" / "demo")
    return world


@pytest.fixture(scope="module")
def demo(world: Path) -> Path:
    """runs/demo, finished, in which what is done now and then was done too."""
    run = world / "runs" / "demo"
    later = [word for word in SHORT if not word.startswith(("backbone", "parts", "poses"))]
    (rendered,) = (run / "images" / "turntable").glob("*/objects.csv")
    table = world / "azimuths.csv"  # of a camera at 5°, which turntables are not said to have
    header, *rows = rendered.read_text().splitlines()
    table.write_text("\n".join([f"{header},elevation", *(f"{row},5.0" for row in rows)]))
    later += [
        "evaluate.turn=3",
        "evaluate.baselines=true",
        f"evaluate.truth={table}",
        "views.best_of=2",
    ]
    assert mirage("run", *later, f"run={run}") == 0
    words = ["ablation.objects=2", "ablation.views=2", "ablation.rows={a: {mode: start}}"]
    assert mirage("ablate", "ablation.name=steps", *words, f"run={run}") == 0
    assert mirage("autoencoder", *TINY_AUTOENCODER, f"run={run}") == 0
    assert mirage("assign", str(world / "car.jpg"), "--explain", f"run={run}") == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(refuse, "SURE_ENOUGH", 2.0)
        assert mirage("views", f"views.reference={world / 'car.jpg'}", f"run={run}") == 1
    views = views_of(field_of(van()), 8, 16, 15.0)  # those of a tiny model show no object
    made = reconstruct(views, settings_of(ShapeConfig(voxels=8_000, steps=2, rays=64)))
    origin = {"key": "key", "views_of": str(run / "views" / "car"), "views_key": "k"}
    save_object(made, views.azimuth, run / "shape" / "car", origin)
    return run


@pytest.fixture(scope="module")
def mine(world: Path) -> Path:
    """runs/mine, as the quick start makes it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(world)
        assert mirage(*QUICK_START.split()[1:], *SHORT) == 0
    return world / "runs" / "mine"


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
