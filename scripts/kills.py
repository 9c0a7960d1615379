"""`mirage run`, killed with SIGKILL at random moments and started again: what is lost.

    python scripts/kills.py --kills 50

A tiny run of all stages is killed as often as asked and then brought to its end, as is another
that nobody kills. After every kill no finished stage may be gone and no training may be more than a
step behind where it was. In the end both must have the same photos, labels, weights and views.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from PIL import Image

from mirage.runs.folder import STAGES, RunFolder
from mirage.training.checkpoints import BEFORE, LAST, step_of

ROAD = ["experiment=tiny", "train.checkpoint_minutes=0"]
TRAININGS = ("train", "refine")


def start(run: Path) -> subprocess.Popen[bytes]:
    """The whole command in a process group of its own."""
    words = [sys.executable, "-m", "mirage.cli", "run", *ROAD, f"run={run}", "--quiet"]
    return subprocess.Popen(words, start_new_session=True, stdout=subprocess.DEVNULL)


def kill_after(run: Path, seconds: float) -> bool:
    """Whether it was killed, and had not come to its end before."""
    process = start(run)
    try:
        if process.wait(seconds) != 0:
            raise SystemExit(f"the command failed by itself, with status {process.returncode}")
        return False
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True


def reached(run: Path) -> dict[str, int]:
    """How far each stage has come: the step of a training, else 1 where it is finished."""
    folder, found = RunFolder(run), {}
    for stage in STAGES:
        found[stage] = int(folder.is_done(stage))
        if stage in TRAININGS:
            saved = [folder[stage] / name for name in (LAST, BEFORE)]
            found[stage] = max((step_of(path) for path in saved if path.exists()), default=0)
    return found


def lost(before: dict[str, int], after: dict[str, int]) -> list[str]:
    """What is further behind than a step, in words."""
    allowed = {stage: int(stage in TRAININGS) for stage in before}
    return [
        f"{stage}: {before[stage]} → {after[stage]}"
        for stage in before
        if after[stage] < before[stage] - allowed[stage]
    ]


def outcome(run: Path) -> dict[str, object]:
    """What must not hang on interruptions."""
    folder = RunFolder(run)
    weights = torch.load(folder["refine"] / LAST, map_location="cpu", weights_only=True)
    views = sorted(folder["views"].glob("*/view_*.png"))
    return {
        "photos": pq.read_table(folder["images"] / "manifest.parquet")["sha256"].to_pylist(),
        "labels": pq.read_table(folder["poses"] / "labels.parquet").to_pylist(),
        "weights": [t.double().sum().item() for t in weights["state_dict"].values()],
        "views": [np.asarray(Image.open(path)).tolist() for path in views],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng, complaints = random.Random(args.seed), list[str]()
    with tempfile.TemporaryDirectory() as there:
        one, other = Path(there) / "killed", Path(there) / "whole"
        begun = time.monotonic()
        start(other).wait()
        whole = time.monotonic() - begun
        print(f"a run that nobody kills takes {whole:.0f} s", flush=True)
        kills, runs = 0, 1
        while kills < args.kills:
            before = reached(one)
            if kill_after(one, rng.uniform(0.0, whole * 0.6)):
                kills += 1
                after = reached(one)
                complaints += lost(before, after)
                moved = " ".join(f"{k}={v}" for k, v in after.items() if v != before[k])
                print(f"kill {kills}: {moved or 'nothing new'}", flush=True)
            else:  # it came to its end: another one takes the remaining kills
                complaints += differing(one, other)
                one, runs = Path(there) / f"killed-{runs}", runs + 1
        start(one).wait()
        complaints += differing(one, other)
    print("\n".join([*complaints, f"{kills} kills, {runs} runs: {len(complaints)} things lost"]))
    raise SystemExit(bool(complaints))


def differing(one: Path, other: Path) -> list[str]:
    """What two finished runs differ in."""
    ours, theirs = outcome(one), outcome(other)
    return [f"{one.name}: other {name}" for name in ours if ours[name] != theirs[name]]


if __name__ == "__main__":
    main()
