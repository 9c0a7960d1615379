"""What several jobs of a sweep have in common is made once, and linked from their folders.

Photos are listed or rendered once for all jobs of the same image settings, poses are found once for
all of the same pose settings, and a model is trained once for those that differ in views or in what
is measured.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from mirage.cluster.launch import launch_all
from mirage.config import Config
from mirage.core.files import SHARED, replacing
from mirage.core.locks import held
from mirage.runs.folder import RunFolder
from mirage.sweeps.job import LOG, RunCommand, run_job
from mirage.sweeps.multirun import Job, Multirun

# Commands that jobs can share → what they leave, the last of it stamped with the key of all of it.
_LEAVES = {"images": ("images",), "poses": ("poses",), "train": ("train", "model")}
StageKey = Callable[[Config, str], str]  # of a configuration, and what the stage before left


@dataclass(frozen=True)
class Shared:
    """A command's work that jobs have in common, in a folder of its own."""

    command: str
    key: str
    root: Path

    @property
    def is_done(self) -> bool:
        """Whether there is nothing left to do."""
        return RunFolder(self.root).is_done(_LEAVES[self.command][-1], self.key)

    @property
    def output(self) -> str:
        """The hash that what comes later depends on."""
        return RunFolder(self.root).key(_LEAVES[self.command][-1])

    def link(self, run: Path) -> None:
        """Let another run have it, unless that run has some of it itself."""
        links = [RunFolder(run)[stage] for stage in _LEAVES[self.command]]
        if any(link.exists() and not link.is_symlink() for link in links):
            return
        for link in links:
            there = os.path.relpath(self.root / link.name, link.parent)
            with replacing(link) as temporary:
                temporary.symlink_to(there)


def share_stages(
    sweep: Multirun, stages: Mapping[str, StageKey], run_command: RunCommand
) -> dict[str, str]:
    """Make what jobs have in common, and link theirs there.

    A single point shares all that it can with those that other agents of W&B ask for.

    Args:
        stages: that jobs can share, in order, with the key of each.

    Returns:
        The name of a job → why what it shares could not be made.
    """
    failed: dict[str, str] = {}
    keys = {job.name: "" for job in sweep.jobs}
    before: dict[str, list[Shared]] = {job.name: [] for job in sweep.jobs}
    for command, key_of in stages.items():
        if command != "images" and not {command, "run"} & set(sweep.commands):
            break
        keys = {job.name: key_of(job.config, keys[job.name]) for job in sweep.jobs}
        jobs = [job for job in _sharing(sweep, command, keys) if job.name not in failed]
        parts = {
            job.name: Shared(command, keys[job.name], Path(sweep.run) / SHARED / keys[job.name])
            for job in jobs
        }
        makers = {parts[job.name]: job for job in reversed(jobs)}  # the first job of each
        for part, job in makers.items():
            for earlier in before[job.name]:
                earlier.link(part.root)
        reasons = _make(sweep, command, makers, run_command)
        for job in jobs:
            part = parts[job.name]
            if part in reasons:
                failed[job.name] = f"shared {command}: {reasons[part]} (see {part.root / LOG})"
            else:
                part.link(Path(job.config.run))
                before[job.name].append(part)
                keys[job.name] = part.output
    return failed


def _sharing(sweep: Multirun, command: str, keys: dict[str, str]) -> Iterable[Job]:
    """The jobs that do not make a command's work for themselves."""
    if command == "images" or sweep.settings.point is not None:
        return sweep.jobs
    count = Counter(keys.values())
    return [job for job in sweep.jobs if count[keys[job.name]] > 1]


def _make(
    sweep: Multirun, command: str, makers: dict[Shared, Job], run_command: RunCommand
) -> dict[Shared, str]:
    """Make what is not there yet, each part with one job's configuration; why some could not be.

    Sweeps and agents that run at once in the same folder wait for each other here.
    """
    with ExitStack() as locks:
        for part in sorted(makers, key=lambda part: part.key):  # the same for all, or two deadlock
            if not part.is_done:
                locks.enter_context(held(part.root / ".lock"))
        missing = [part for part in makers if not part.is_done]
        task = partial(run_job, [command], run_command, sweep.run)
        configs = [replace(makers[part].config, run=str(part.root)) for part in missing]
        ends = launch_all(task, configs, Path(sweep.run)) if missing else []
    return {part: reason for part, reason in zip(missing, ends, strict=True) if reason}
