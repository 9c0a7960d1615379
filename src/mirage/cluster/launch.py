"""Where commands run: in this process, or as jobs that are put back when they are stopped.

A job that is told to stop, because its time is nearly over or another needs its nodes, is put back
in the queue by submitit's signal handler, with the same function and the same folder. Who can save
first, as a training can, holds that handler back until it has saved (`callbacks.stopping`): each
signal has one owner at a time.
"""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from submitit.core.utils import DelayedSubmission

from mirage.cluster.slurm import (
    as_from_outside,
    batch_file,
    complaint,
    explained,
    is_at_work,
    open_executor,
    wait_for,
)
from mirage.config import Config
from mirage.core.errors import MirageError
from mirage.core.messages import begin
from mirage.core.progress import chosen, tell_json

log = logging.getLogger(__name__)

LOGS = "slurm"  # in the folder that jobs write to: <job>_<rank>_log.out

_LATEST = "job.txt"


@dataclass(frozen=True)
class Resumable:
    """What a job does; put back in the queue, it is done once more, and finds what is done.

    Attributes:
        style: how it tells of its progress, one of `mirage.core.progress.STYLES`.
    """

    work: Callable[[Config], Any]
    config: Config
    style: str = field(default_factory=chosen)

    def __call__(self) -> Any:
        begin(self.style)
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
    with explained(), as_from_outside():
        _refuse_second(folder / _LATEST)
        executor = open_executor(settings, folder, _title(name, config))
        job = executor.submit(Resumable(work, config))
    (folder / _LATEST).write_text(job.job_id)
    processes = f"{settings.nodes} × {settings.tasks_per_node} processes"
    output = f"{folder}/{job.job_id}_0_log.out"
    log.info(f"{name}: job {job.job_id}, {processes} → {output}")
    if chosen() == "json":
        tell_json(submitted=name, job=job.job_id, log=output)
    if not settings.wait:
        return f"  `squeue -j {job.job_id}` tells of it, `scancel {job.job_id}` ends it"
    _, reason = wait_for([job])[0]
    if reason:
        said = complaint(folder, job.job_id)
        raise MirageError(
            f"job {job.job_id} {reason}" + f": {said}" * bool(said),
            where=f"{folder}/{job.job_id}_*_log.out",
            todo="fix what its logs report; the same command resumes from what is done",
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
    with explained(), as_from_outside():
        executor = open_executor(configs[0].launcher, folder / LOGS, f"mirage {folder}")
        jobs = executor.submit_array([Resumable(task, config) for config in configs])
    first = jobs[0].job_id.split("_")[0]
    log.info(f"{len(jobs)} jobs: {first} → {folder / LOGS}")
    try:
        outcomes = wait_for(jobs)
    except KeyboardInterrupt:
        subprocess.run(["scancel", first], check=False)
        raise
    return [
        f"its job {job.job_id} {reason}" if reason else str(returned)
        for job, (returned, reason) in zip(jobs, outcomes, strict=True)
    ]


def sbatch_header(name: str, config: Config) -> str:
    """The file that `submit` would hand to sbatch, as text."""
    return batch_file(config.launcher, Path(config.run) / LOGS, _title(name, config))


def _title(name: str, config: Config) -> str:
    return f"mirage {name} {config.run}"


def _refuse_second(latest: Path) -> None:
    """Two jobs on one run would overwrite each other's checkpoints."""
    if latest.exists() and is_at_work(job := latest.read_text().strip()):
        raise MirageError(
            f"job {job} works on this run, or waits to",
            where=str(latest.parent),
            todo=f"wait for it, or `scancel {job}` first",
        )
