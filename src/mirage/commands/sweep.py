"""sweep: many runs of one base, each a folder of its own; then a table and plots of them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from mirage.cluster.launch import launch_all
from mirage.commands.running import run_command
from mirage.commands.stages.images import images_key
from mirage.commands.stages.poses import poses_key
from mirage.commands.stages.train import model_key
from mirage.config import PlotConfig
from mirage.config.load import save_config
from mirage.core.errors import MirageError
from mirage.core.files import replacing
from mirage.distributed.ranks import find_ranks
from mirage.drawing.tables import print_text
from mirage.runs.request import Request
from mirage.sweeps.agents import write_for_agents
from mirage.sweeps.job import LOG, RunCommand, alone, run_job
from mirage.sweeps.multirun import Job, Multirun, load_multirun
from mirage.sweeps.shared import StageKey, share_stages
from mirage.sweeps.table import draw, figure_names, tabulate, to_markdown, write_csv

log = logging.getLogger(__name__)

# The stages that jobs can share: a configuration, and the hash that the one before left → its key.
_KEYS: dict[str, StageKey] = {
    "images": lambda config, _: images_key(config),
    "poses": poses_key,
    "train": model_key,
}
TABLE, TABLE_CSV = "table.md", "table.csv"


def run(request: Request) -> str:
    """Run every job of the sweep, or write it for agents of W&B; returns the closing line.

    Raises:
        MirageError: as of `run_sweep`, or there is no such sweep.
    """
    sweep = load_multirun(request.words, request.command)
    if sweep.settings.wandb is not None:
        return write_for_agents(sweep)
    return run_sweep(sweep, run_command)


def run_sweep(sweep: Multirun, run_command: RunCommand) -> str:
    """Run every job that is not done, then compare those that are; returns the closing line.

    A single point, which an agent of W&B asks for, is compared with nothing.

    Args:
        run_command: runs one command of a configuration.

    Raises:
        MirageError: some jobs failed; the others are done and in the table. Or several processes
            were started for the sweep itself.
    """
    _refuse_processes()
    log.info(f"sweep: {len(sweep.jobs)} jobs → {sweep.run}")
    plots = _drawable(sweep)
    failed = _run_jobs(sweep, run_command)
    done = [job for job in sweep.jobs if job.name not in failed]
    folder = Path(sweep.run)
    if sweep.settings.point is None:
        closing = _compare(sweep, done, failed, plots)
    else:
        closing = f"sweep: one point → {folder / sweep.settings.point}"
    if failed:
        raise _failure(sweep, failed)
    return closing


def _refuse_processes() -> None:
    world = find_ranks().world
    if world > 1:
        raise MirageError(
            f"{world} processes were started for one sweep, each of which would run all its jobs",
            where="torchrun or srun",
            todo="start the sweep by itself, with launcher=slurm for jobs of several processes, or "
            "start processes for a point alone: torchrun … -m mirage.cli train run=SWEEP/JOB",
        )


def _run_jobs(sweep: Multirun, run_command: RunCommand) -> dict[str, str]:
    """The name of every job that failed → why; in the order of the jobs."""
    for job in sweep.jobs:  # each folder is a run that can be gone on with by itself
        save_config(job.config)
    failed = share_stages(sweep, _KEYS, run_command)
    jobs = [job for job in sweep.jobs if job.name not in failed]
    task = partial(run_job, sweep.commands, run_command, sweep.run)
    ends = launch_all(task, [job.config for job in jobs], Path(sweep.run)) if jobs else []
    failed |= {job.name: reason for job, reason in zip(jobs, ends, strict=True) if reason}
    return {job.name: failed[job.name] for job in sweep.jobs if job.name in failed}


def _failure(sweep: Multirun, failed: dict[str, str]) -> MirageError:
    lines = [f"{len(failed)} of {len(sweep.jobs)} jobs failed"]
    for job in sweep.jobs:
        if job.name in failed:
            lines += [f"{job.name}: {failed[job.name]}", f"  {alone(sweep.commands, job.config)}"]
    return MirageError(
        "\n  ".join(lines),
        where=f"{sweep.run}/<job>/{LOG}",
        todo="mend the cause; the line below a job runs it alone, and the same sweep again runs "
        "all of these and skips the others",
    )


def _drawable(sweep: Multirun) -> dict[str, PlotConfig]:
    """The plots, less those against a key that has one value: words may narrow a sweep so far."""
    if sweep.settings.point is not None:
        return {}
    swept = {"variant", *(key for job in sweep.jobs for key in job.axes)}
    for name, plot in sweep.settings.plots.items():
        if plot.x not in swept:
            log.info(f"sweep: no plot {name}, for {plot.x} does not vary")
    return {name: plot for name, plot in sweep.settings.plots.items() if plot.x in swept}


def _compare(
    sweep: Multirun, done: Sequence[Job], failed: dict[str, str], plots: dict[str, PlotConfig]
) -> str:
    """Write and print the table, and draw the plots; returns the closing line."""
    folder = Path(sweep.run)
    rows = tabulate(done, figure_names(sweep))
    write_csv(folder / TABLE_CSV, rows)
    text = to_markdown(sweep, rows)
    print_text(text)
    lines = [f"\nFailed: {name}: {reason}\n" for name, reason in failed.items()]
    with replacing(folder / TABLE) as temporary:
        temporary.write_text(text + "".join(lines), encoding="utf-8")
    for name, plot in plots.items():
        draw(folder / f"{name}.png", plot, rows)
    return f"sweep: {len(sweep.jobs)} jobs, {len(rows)} rows → {folder / TABLE}"
