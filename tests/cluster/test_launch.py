"""Jobs of a real Slurm of two nodes: they train together, and survive what clusters do to them."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from processes import PATIENCE
from tiny.runs import mirage
from training_callbacks.held_training import Held

from mirage.cluster.launch import launch_all, sbatch_header
from mirage.cluster.slurm import complaint
from mirage.config import Config, LauncherConfig
from mirage.core.errors import MirageError

STEPS = 200  # longer than the seconds after which a log tells its first line of progress
LONG = [
    f"train.steps={STEPS}",
    "train.checkpoint_minutes=0",
    f"train.validate_every={STEPS}",
    "views.sampler.steps=2",
]
TWO_NODES = ["launcher=slurm", "launcher.nodes=2", "launcher.cpus_per_task=1"]


def test_the_header_says_what_the_launcher_was_told() -> None:
    settings = LauncherConfig(
        kind="slurm",
        nodes=2,
        tasks_per_node=4,
        gpus_per_node=4,
        minutes=90,
        partition="long",
        memory_gb=64,
        setup=["module load cuda"],
        options={"exclusive": True, "mail-user": "me"},
    )
    text = sbatch_header("train", Config(run="runs/x", launcher=settings))
    for line in (
        "--nodes=2",
        "--ntasks-per-node=4",
        "--gpus-per-node=4",
        "--time=90",
        "--partition=long",
        "--mem=64GB",
        "--exclusive",
        "--mail-user=me",
        "--signal=USR2@120",
    ):
        assert f"#SBATCH {line}\n" in text
    assert text.index("module load cuda") < text.index("srun")
    assert "runs/x/slurm" in text


def test_without_slurm_a_launcher_of_slurm_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    config = Config(run=str(tmp_path / "run"), launcher=LauncherConfig(kind="slurm"))
    with pytest.raises(MirageError, match="srun is not found"):
        launch_all(lambda config: "", [config], tmp_path)


@pytest.mark.parametrize("line", ["mirage: no poses", '{"error": "no poses", "todo": "find them"}'])
def test_what_a_job_says_went_wrong_is_found_in_its_logs(tmp_path: Path, line: str) -> None:
    (tmp_path / "7_0_log.out").write_text("starting\n")
    (tmp_path / "7_1_log.out").write_text(f"starting\n{line}\n  where: here\n")
    (tmp_path / "71_0_log.out").write_text("mirage: of another job\n")
    assert complaint(tmp_path, "7") == "no poses"
    assert complaint(tmp_path, "8") == ""


@pytest.fixture(scope="module")
def straight(
    posed: Path, cluster: None, recorded: None, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Trained on two nodes in one go."""
    run = shutil.copytree(posed, tmp_path_factory.mktemp("runs") / "straight")
    assert mirage("train", f"run={run}", *LONG, *TWO_NODES, "launcher.wait=true") == 0
    return run


def losses(run: Path) -> list[tuple[int, float]]:
    rows = csv.DictReader((run / "train" / "metrics.csv").read_text().splitlines())
    return [(int(row["step"]), float(row["train_loss"] or row["val_loss"])) for row in rows]


def wandb_ids(run: Path) -> set[str]:
    return {path.stem for path in (run / "train" / "wandb").rglob("*.wandb")}


def assert_same_curve(run: Path, other: Path) -> None:
    one, two = losses(run), losses(other)
    assert [step for step, _ in one] == [step for step, _ in two]
    assert np.allclose([x for _, x in one], [x for _, x in two], rtol=2e-3)


def wait_for(reached: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.2)


def start(run: Path, held: Held) -> str:
    """Submit a training, and return when it is held: the job."""
    assert mirage("train", f"run={run}", *LONG, *held.words, *TWO_NODES) == 0
    wait_for(held.is_there)
    return (run / "slurm" / "job.txt").read_text()


def hold(folder: Path) -> Held:
    return Held(folder / "held", step=25, until=signal.SIGUSR2)


def state(job: str) -> str:
    asked = ["squeue", "--noheader", "--states=all", f"--jobs={job}", "--format=%T"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


def log(run: Path, job: str, rank: int = 0) -> str:
    return (run / "slurm" / f"{job}_{rank}_log.out").read_text()


@pytest.mark.e2e
@pytest.mark.slurm
def test_two_nodes_train_what_one_process_trains(
    posed: Path, straight: Path, tmp_path: Path
) -> None:
    alone = shutil.copytree(posed, tmp_path / "alone")
    assert mirage("train", f"run={alone}", *LONG) == 0
    assert_same_curve(alone, straight)
    job = (straight / "slurm" / "job.txt").read_text()
    for rank, node in enumerate(("node1", "node2")):
        said = log(straight, job, rank)
        progress = rf"train: \d+/{STEPS}, [\d.]+ images/s, .*process {rank} of 2, on {node}"
        assert re.search(progress, said)
        assert (f"train: {STEPS} steps" in said) == (rank == 0)
    assert len(wandb_ids(straight)) == 1
    assert "kind: local" in (straight / "config.yaml").read_text()  # later commands run here


@pytest.mark.e2e
@pytest.mark.slurm
def test_a_job_that_makes_room_comes_back_and_goes_on(
    posed: Path, straight: Path, tmp_path: Path
) -> None:
    run, held = shutil.copytree(posed, tmp_path / "run"), hold(tmp_path)
    job = start(run, held)
    assert mirage("train", f"run={run}", *TWO_NODES) == 1  # two jobs on one run are refused
    urgent = ["sbatch", "--partition=urgent", "--nodes=2", "--exclusive", "--output=/dev/null"]
    subprocess.run([*urgent, "--wrap=sleep 2"], check=True, capture_output=True)
    wait_for(lambda: state(job) == "PENDING")
    at = [step for step, _ in losses(run)][-1]
    assert at < STEPS and not (run / "train" / ".stamp.json").exists()
    wait_for(lambda: state(job) == "COMPLETED")
    said = log(run, job)
    assert said.count("checkpoint saved, job requeued") == 1
    assert_same_curve(straight, run)
    assert len(wandb_ids(run)) == 1  # parts of one run of W&B


@pytest.mark.e2e
@pytest.mark.slurm
def test_a_job_that_is_killed_leaves_what_the_same_command_goes_on_from(
    posed: Path, straight: Path, tmp_path: Path
) -> None:
    """One process killed the hard way; then all cancelled; then to the end."""
    run, held = shutil.copytree(posed, tmp_path / "run"), hold(tmp_path)
    job = start(run, held)
    os.kill(int(process_of(job, rank=1)), signal.SIGKILL)
    held.go()
    wait_for(lambda: state(job) == "FAILED")
    assert "another of the 2 processes died" in log(run, job)
    held.again()
    job = start(run, held)
    subprocess.run(["scancel", job], check=True)
    wait_for(lambda: state(job) == "CANCELLED")
    words = [*LONG, *held.words, *TWO_NODES, "launcher.wait=true"]
    assert mirage("train", f"run={run}", *words) == 0
    steps = held.steps()
    first, second = (step for before, step in pairwise(steps) if step <= before)
    assert 0 < first <= second <= 25  # from where both processes saved
    assert steps == [*range(26), *range(first, 26), *range(second, STEPS)]
    assert_same_curve(straight, run)


def process_of(job: str, rank: int) -> str:
    """The process that is a rank of a job, on this machine."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = dict(
                word.split("=", 1)
                for word in (folder / "environ").read_text().split("\0")
                if "=" in word
            )
            name = (folder / "cmdline").read_text()
        except (OSError, UnicodeDecodeError):
            continue
        found = words.get("SLURM_JOB_ID"), words.get("SLURM_PROCID")
        if found == (job, str(rank)) and "submitit" in name:
            return folder.name
    raise AssertionError("no such process")


@pytest.mark.slurm
def test_what_slurm_and_a_job_complain_of_is_told(
    cluster: None, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["train", f"run={tmp_path / 'run'}", *TWO_NODES]
    assert mirage(*words, "launcher.partition=nosuch") == 1
    assert "Invalid partition name" in capfd.readouterr().err
    assert mirage(*words, "launcher.wait=true", "--json") == 1
    lines = list(map(json.loads, capfd.readouterr().out.splitlines()))
    (submitted,) = [line for line in lines if "submitted" in line]
    failed = lines[-1]
    assert "this needs the poses of the run" in failed["error"]
    said = Path(submitted["log"]).read_text().splitlines()
    assert not any(line.startswith("mirage: ") for line in said)
    (told,) = [json.loads(line) for line in said if line.startswith("{")]
    assert told["error"] in failed["error"] and told["todo"]


@pytest.mark.e2e
@pytest.mark.slurm
def test_points_run_as_jobs_and_one_that_is_cancelled_is_told_of(
    cluster: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "mirage.cluster.slurm._FOR_FILES", 1.0
    )  # on one machine they are seen at once
    launcher = LauncherConfig(kind="slurm", cpus_per_task=1, at_once=2)
    configs = [Config(run=str(tmp_path / name), launcher=launcher) for name in ("a", "b", "c")]
    outcomes = launch_all(_tell, configs, tmp_path)
    assert outcomes[0] == f"{tmp_path}/a on a node" and outcomes[2] == f"{tmp_path}/c on a node"
    assert "CANCELLED" in outcomes[1]


def _tell(config: Config) -> str:
    if config.run.endswith("b"):
        job = f"{os.environ['SLURM_ARRAY_JOB_ID']}_{os.environ['SLURM_ARRAY_TASK_ID']}"
        subprocess.run(["scancel", job], check=True)
        time.sleep(60)
    return f"{config.run} on a {os.environ['SLURMD_NODENAME'][:4]}"
