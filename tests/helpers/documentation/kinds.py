"""What is done with a command of the docs: run, resolved, mentioned, or another program's."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import pytest
from documentation.commands import ROOT, Typed, typed_commands
from tiny.runs import BRIEF, TINY

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
    "evaluate.truth=": "needs azimuths of photos; the demo is measured against a table",
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
