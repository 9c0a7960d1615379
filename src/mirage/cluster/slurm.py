"""Slurm in sbatch's words: how jobs are asked for, and what became of them.

submitit writes the batch files and carries results back; squeue tells the rest, for a site may keep
no accounts that sacct could tell of.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from submitit import Job, SlurmExecutor
from submitit.core.utils import FailedJobError, FailedSubmissionError
from submitit.slurm.slurm import _make_sbatch_string

from mirage.config import LauncherConfig
from mirage.core.errors import MirageError

_ENDED = frozenset(
    {
        "BOOT_FAIL",
        "CANCELLED",
        "COMPLETED",
        "DEADLINE",
        "FAILED",
        "NODE_FAIL",
        "OUT_OF_MEMORY",
        "PREEMPTED",
        "REVOKED",
        "TIMEOUT",
    }
)
_OF_A_JOB = ("SLURM_", "SLURMD_", "SRUN_")
_GONE = "gone"  # of jobs that ended some minutes ago Slurm knows nothing
_LOOK_EVERY = 2.0  # seconds between looks at the queue
_FOR_FILES = 10.0  # seconds in which what a job wrote on another machine comes to be seen


def open_executor(settings: LauncherConfig, folder: Path, name: str) -> SlurmExecutor:
    """What jobs are submitted with; their logs and results go to `folder`.

    Raises:
        MirageError: there is no Slurm on this machine.
    """
    try:
        executor = SlurmExecutor(folder, max_num_timeout=settings.requeues, python=settings.python)
    except RuntimeError as error:
        raise MirageError(
            "there is no Slurm on this machine: srun is not found",
            where="configuration key launcher.kind",
            todo="submit from a login node of the cluster, or leave launcher= out",
        ) from error
    executor.update_parameters(**_parameters(settings, name))
    return executor


def batch_file(settings: LauncherConfig, folder: Path, name: str) -> str:
    """The text that sbatch would be given for a job; there need be no Slurm here."""
    command = f"{settings.python or sys.executable} -u -m submitit.core._submit {folder}"
    return _make_sbatch_string(command, folder, **_parameters(settings, name))


def _parameters(settings: LauncherConfig, name: str) -> dict[str, Any]:
    threads = settings.cpus_per_task
    given = {
        "job_name": name.replace(" ", "-").replace("/", "-"),
        "time": settings.minutes,
        "nodes": settings.nodes,
        "ntasks_per_node": settings.tasks_per_node,
        "cpus_per_task": threads,
        "gpus_per_node": settings.gpus_per_node or None,
        "mem": None if settings.memory_gb is None else f"{settings.memory_gb}GB",
        "partition": settings.partition,
        "account": settings.account,
        "qos": settings.qos,
        "constraint": settings.constraint,
        "signal_delay_s": settings.signal_seconds,
        "array_parallelism": settings.at_once,
        # A job is not of the program that submitted it: in that one's W&B service, a run whose job
        # was killed would stay open.
        "setup": [
            "unset WANDB_SERVICE",
            f"export OMP_NUM_THREADS=${{OMP_NUM_THREADS:-{threads}}}",
            *settings.setup,
        ],
        "additional_parameters": dict(settings.options),
        # A process that dies takes the others along, who would wait for it; and srun does not
        # ask sbatch how many processors a task has.
        "srun_args": ["--kill-on-bad-exit=1", f"--cpus-per-task={threads}"],
        "stderr_to_stdout": True,
    }
    return {key: value for key, value in given.items() if value is not None}


@contextmanager
def as_from_outside() -> Iterator[None]:
    """Forget the job that this is typed in, if it is: what it was given would be the new one's."""
    own = [name for name in os.environ if name.startswith(_OF_A_JOB) and name != "SLURM_CONF"]
    kept = {name: os.environ.pop(name) for name in own}
    try:
        yield
    finally:
        os.environ.update(kept)


@contextmanager
def explained() -> Iterator[None]:
    """What Slurm's commands complain of inside the block becomes a MirageError."""
    try:
        yield
    except (FailedSubmissionError, FailedJobError, subprocess.CalledProcessError, OSError) as error:
        said = getattr(error, "stderr", None) or str(error)
        lines = [line for line in str(said).splitlines() if "error" in line] or [str(said)]
        raise MirageError(
            f"Slurm does not take the job: {lines[-1].strip()[:300]}",
            where="sbatch, squeue",
            todo="set what your site asks for: launcher.partition, launcher.account, "
            "launcher.options={…}; `mirage train dry_run=true` shows the header",
        ) from error


def is_at_work(job: str) -> bool:
    """Whether a job runs, or waits to; one that is just ending is waited for."""
    end = time.monotonic() + _FOR_FILES
    while (state := _states().get(job, _GONE)) == "COMPLETING" and time.monotonic() < end:
        time.sleep(_LOOK_EVERY)
    return state not in _ENDED | {_GONE}


def wait_for(jobs: Sequence[Job[Any]]) -> list[tuple[Any, str]]:
    """What the first process of each returned, or why there is nothing."""
    found: dict[str, tuple[Any, str]] = {}
    ended: dict[str, float] = {}  # without a result: when that was seen
    while True:
        states = _states_in_time()
        for job in jobs:
            if job.job_id in found:
                continue
            first = job.task(0)
            state = "" if states is None else states.get(job.job_id, _GONE)
            # One that told what it failed of has no result to wait for.
            told = state == "FAILED" and bool(complaint(first.paths.folder, job.job_id))
            if first.paths.result_pickle.exists():
                found[job.job_id] = _returned(first)
            elif state not in _ENDED | {_GONE}:
                ended.pop(job.job_id, None)
            elif told or _since(ended, job.job_id) > _FOR_FILES:
                found[job.job_id] = None, f"is {_GONE}" if state == _GONE else f"ended as {state}"
        if len(found) == len(jobs):
            return [found[job.job_id] for job in jobs]
        time.sleep(_LOOK_EVERY)


def _since(seen: dict[str, float], job: str) -> float:
    """Seconds since this was asked of a job first."""
    now = time.monotonic()
    return now - seen.setdefault(job, now)


def complaint(folder: Path, job: str) -> str:
    """What the first of a job's processes that complained said; nothing if none did."""
    for path in sorted(folder.glob(f"{job}_*_log.out")):
        for line in path.read_text(errors="replace").splitlines():
            if line.startswith("mirage: "):
                return line.removeprefix("mirage: ")
            if line.startswith('{"error": '):  # of a job that was submitted with --json
                return str(json.loads(line)["error"])
    return ""


def _returned(first: Job[Any]) -> tuple[Any, str]:
    status, result = first._get_outcome_and_result()
    if status == "success":
        return result, ""
    return None, f"failed: {str(result).strip().splitlines()[-1]}"


def _states_in_time() -> dict[str, str] | None:
    """As `_states`; None while Slurm is too busy to tell, or is being restarted."""
    try:
        return _states()
    except (OSError, subprocess.CalledProcessError):
        return None


def _states() -> dict[str, str]:
    """Job → state, of this person's jobs."""
    asked = subprocess.run(
        ["squeue", "--me", "--array", "--noheader", "--states=all", "--format=%i|%T"],
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(line.split("|") for line in asked.stdout.split())
