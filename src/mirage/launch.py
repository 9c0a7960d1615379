"""Commands as Slurm jobs: submitted, put back in the queue when they are stopped, waited for.

submitit does the work. A job that is told to stop, because its time is nearly over or another
needs its nodes, is put back by submitit's signal handler, with the same function and the same
folder. Who can save first, as a training can, holds that handler back until it has saved
(`callbacks.stopping`): each signal has one owner at a time.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from submitit import Job, SlurmExecutor
from submitit.core.utils import DelayedSubmission, FailedJobError, FailedSubmissionError
from submitit.slurm.slurm import _make_sbatch_string

from mirage.config import Config, LauncherConfig
from mirage.errors import MirageError

LOGS = "slurm"  # in the folder that jobs write to: <job>_<rank>_log.out

_LATEST = "job.txt"
_LOOK_EVERY = 2.0  # seconds between looks at the queue
_ENDED = frozenset(
    {"BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY",
     "PREEMPTED", "REVOKED", "TIMEOUT"}
)  # fmt: skip
_FOR_FILES = 10.0  # seconds in which what a job wrote on another machine comes to be seen


@dataclass(frozen=True)
class Resumable:
    """What a job does; put back in the queue, it is done once more, and finds what is done."""

    work: Callable[[Config], Any]
    config: Config

    def __call__(self) -> Any:
        return self.work(self.config)

    def checkpoint(self) -> DelayedSubmission:
        """What submitit puts back."""
        return DelayedSubmission(self)


def submit(name: str, work: Callable[[Config], Any], config: Config) -> str:
    """Submit one command as one job; returns the closing line.

    Args:
        name: of the command.
        work: ends its process with a status other than 0 where it fails.

    Raises:
        MirageError: there is no Slurm here, it refuses the job, one works on this run already, or
            the job failed (where `launcher.wait` asks to wait for it).
    """
    folder, settings = Path(config.run) / LOGS, config.launcher
    with _explained():
        _refuse_second(folder / _LATEST)
        job = _executor(settings, folder, f"mirage {name} {config.run}").submit(
            Resumable(work, config)
        )
    (folder / _LATEST).write_text(job.job_id)
    log = folder / f"{job.job_id}_0_log.out"
    processes = f"{settings.nodes} × {settings.tasks_per_node} processes"
    print(f"{name}: job {job.job_id}, {processes} → {log}", flush=True)
    if not settings.wait:
        return f"  `squeue -j {job.job_id}` tells of it, `scancel {job.job_id}` ends it"
    _, reason = _outcomes([job])[0]
    if reason:
        raise MirageError(
            f"job {job.job_id} {reason}{_told(folder, job.job_id)}",
            where=f"{folder}/{job.job_id}_*_log.out",
            todo="mend what its logs tell; the same command goes on from what is done",
        )
    return f"{name}: job {job.job_id} is done"


def launch_all(task: Callable[[Config], str], configs: Sequence[Config], folder: Path) -> list[str]:
    """`task` of each configuration, where the launcher says; what each returned, in order.

    Args:
        task: must not raise, and must pickle where it leaves this process.
        folder: what all have in common: the logs of jobs go there.

    Returns:
        For a job that ended without returning (killed, out of time), a line that says so.

    Raises:
        MirageError: there is no Slurm here, or it refuses the jobs.
    """
    if not configs or configs[0].launcher.kind == "local":
        return [task(config) for config in configs]
    executor = _executor(configs[0].launcher, folder / LOGS, f"mirage {folder}")
    with _explained():
        jobs = executor.submit_array([Resumable(task, config) for config in configs])
    first = jobs[0].job_id.split("_")[0]
    print(f"{len(jobs)} jobs: {first} → {folder / LOGS}", flush=True)
    try:
        outcomes = _outcomes(jobs)
    except KeyboardInterrupt:
        subprocess.run(["scancel", first], check=False)
        raise
    return [f"its job {job.job_id} {reason}" if reason else str(returned)
            for job, (returned, reason) in zip(jobs, outcomes, strict=True)]  # fmt: skip


def sbatch_header(settings: LauncherConfig, name: str, run: str) -> str:
    """The file that `submit` would hand to sbatch, as text."""
    python = settings.python or sys.executable
    folder = Path(run) / LOGS
    command = f"{python} -u -m submitit.core._submit {folder}"
    return _make_sbatch_string(command, folder, **_parameters(settings, f"mirage {name} {run}"))


def _parameters(settings: LauncherConfig, name: str) -> dict[str, Any]:
    """In sbatch's words."""
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
        "setup": [f"export OMP_NUM_THREADS=${{OMP_NUM_THREADS:-{threads}}}", *settings.setup],
        "additional_parameters": dict(settings.options),
        # A process that dies takes the others along, who would wait for it; and srun does not
        # ask sbatch how many processors a task has.
        "srun_args": ["--kill-on-bad-exit=1", f"--cpus-per-task={threads}"],
        "stderr_to_stdout": True,
    }
    return {key: value for key, value in given.items() if value is not None}


def _executor(settings: LauncherConfig, folder: Path, name: str) -> SlurmExecutor:
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


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (FailedSubmissionError, FailedJobError, subprocess.CalledProcessError, OSError) as error:
        said = getattr(error, "stderr", None) or str(error)
        lines = [line for line in str(said).splitlines() if "error" in line] or [str(said)]
        raise MirageError(
            f"Slurm does not take the job: {lines[-1].strip()[:300]}",
            where="sbatch, squeue",
            todo="set what your site asks for: launcher.partition, launcher.account, "
            "launcher.options={…}; `dry_run=true` shows the header",
        ) from error


def _refuse_second(latest: Path) -> None:
    """Two jobs on one run would overwrite each other's checkpoints."""
    if not latest.exists():
        return
    job = latest.read_text().strip()
    end = time.monotonic() + _FOR_FILES
    while (state := _states().get(job, "")) == "COMPLETING" and time.monotonic() < end:
        time.sleep(_LOOK_EVERY)
    if state in _AT_WORK:
        raise MirageError(
            f"job {job} works on this run, or waits to",
            where=str(latest.parent),
            todo=f"wait for it, or `scancel {job}` first",
        )


_AT_WORK = frozenset(
    {"PENDING", "RUNNING", "CONFIGURING", "COMPLETING", "SUSPENDED", "REQUEUED", "REQUEUE_HOLD"}
)


def _told(folder: Path, job: str) -> str:
    """What the first of its processes that complained said."""
    for path in sorted(folder.glob(f"{job}_*_log.out")):
        for line in path.read_text(errors="replace").splitlines():
            if line.startswith("mirage: "):
                return f": {line.removeprefix('mirage: ')}"
    return ""


def _states() -> dict[str, str]:
    """Job → state, of this person's jobs; Slurm forgets those that ended some minutes ago.

    Of squeue, for sites may keep no accounts that sacct could tell of.
    """
    asked = subprocess.run(
        ["squeue", "--me", "--array", "--noheader", "--states=all", "--format=%i|%T"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return dict(line.split("|") for line in asked.stdout.split())


def _outcomes(jobs: Sequence[Job[Any]]) -> list[tuple[Any, str]]:
    """What the first process of each returned, or why there is nothing; waits for all."""
    found: dict[str, tuple[Any, str]] = {}
    ended: dict[str, float] = {}  # without a result: when that was seen
    while len(found) < len(jobs):
        try:
            states = _states()
        except (OSError, subprocess.CalledProcessError):  # busy, or restarted: it comes back
            states = None
        for job in jobs:
            if job.job_id in found:
                continue
            first = job.task(0)
            if first.paths.result_pickle.exists():
                found[job.job_id] = _returned(first)
                continue
            state = "RUNNING" if states is None else states.get(job.job_id, "ended")
            if state not in _ENDED | {"ended"}:
                ended.pop(job.job_id, None)
            elif time.monotonic() - ended.setdefault(job.job_id, time.monotonic()) > _FOR_FILES:
                found[job.job_id] = None, f"ended as {state}" if state in _ENDED else "is gone"
        if len(found) < len(jobs):
            time.sleep(_LOOK_EVERY)
    return [found[job.job_id] for job in jobs]


def _returned(first: Job[Any]) -> tuple[Any, str]:
    status, result = first._get_outcome_and_result()
    if status == "success":
        return result, ""
    return None, f"failed: {str(result).strip().splitlines()[-1]}"
