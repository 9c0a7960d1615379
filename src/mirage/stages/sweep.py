"""sweep: many runs of one base, each a folder of its own; then a table and plots of them.

Photos are listed or rendered once: runs of the same image settings share one images folder, and
runs of the same pose settings one poses folder.
"""

from __future__ import annotations

import csv
import os
import shlex
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mirage.config import Config, PlotConfig
from mirage.errors import MirageError
from mirage.multirun import Job, Multirun
from mirage.report.sweeps import Series, draw_panels
from mirage.stages.evaluate import FIGURES
from mirage.stages.folder import RunFolder, read_json, replacing, save_picture
from mirage.stages.images import images_key
from mirage.stages.poses import SUMMARY_FILE, poses_key

TABLE, TABLE_CSV, LOG = "table.md", "table.csv", "log.txt"
SHARED = "_shared"  # runs of which only the stages are made that several jobs have in common
RunCommand = Callable[[str, Config], None]


@dataclass(frozen=True)
class Row:
    """The jobs of a sweep that differ in seeds only.

    Attributes:
        variant: as the sweep names it; empty where it has none.
        axes: key → value, of the keys that take several values, seeds left out.
        num_jobs: how many jobs came to an end.
        figures: dotted path → values, one a job that has the figure.
    """

    variant: str
    axes: dict[str, Any]
    num_jobs: int
    figures: dict[str, list[float]]

    @property
    def name(self) -> str:
        """Such as `wide, poses.count 12`."""
        axes = [f"{key} {_cell(value)}" for key, value in self.axes.items()]
        return ", ".join([self.variant] * bool(self.variant) + axes)


def run(sweep: Multirun, run_command: RunCommand) -> str:
    """Run every job that is not done, then compare those that are; returns the closing line.

    Args:
        run_command: runs one command of a configuration.

    Raises:
        MirageError: some jobs failed; the others are done and in the table.
    """
    print(f"sweep: {len(sweep.jobs)} jobs → {sweep.run}", flush=True)
    plots = _drawable(sweep)
    _share_stages(sweep, run_command)
    task = partial(_run_job, sweep.settings.commands, run_command, sweep.run)
    ends = list(zip(sweep.jobs, sweep.launch(task, sweep.jobs), strict=True))
    failed = [f"{job.name}: {reason}" for job, reason in ends if reason]
    rows = tabulate([job for job, reason in ends if not reason], _figure_names(sweep))
    folder = Path(sweep.run)
    _write_csv(folder / TABLE_CSV, rows)
    text = _markdown(sweep, rows)
    print(text)
    with replacing(folder / TABLE) as temporary:
        temporary.write_text(text + "".join(f"\nFailed: {line}\n" for line in failed))
    for name, plot in plots.items():
        _draw(folder / f"{name}.png", plot, rows)
    if failed:
        raise MirageError(
            "\n  ".join([f"{len(failed)} of {len(sweep.jobs)} jobs failed", *failed]),
            where=f"{folder}/<job>/{LOG}",
            todo="mend the cause; the same command runs these again and skips the others",
        )
    return f"sweep: {len(sweep.jobs)} jobs, {len(rows)} rows → {folder / TABLE}"


def _drawable(sweep: Multirun) -> dict[str, PlotConfig]:
    """The plots, less those against a key that has one value: words may narrow a sweep so far."""
    swept = {"variant", *(key for job in sweep.jobs for key in job.axes)}
    for name, plot in sweep.settings.plots.items():
        if plot.x not in swept:
            print(f"sweep: no plot {name}, for {plot.x} does not vary", flush=True)
    return {name: plot for name, plot in sweep.settings.plots.items() if plot.x in swept}


def _share_stages(sweep: Multirun, run_command: RunCommand) -> None:
    """Make the images of each distinct settings once, and poses that several jobs have in common.

    What fails here is told by the jobs it concerns: one without a link makes its own.
    """
    images = [images_key(job.config) for job in sweep.jobs]
    makers = _share(sweep, "images", sweep.jobs, images, run_command)
    if "poses" not in sweep.settings.commands:
        return
    poses = [poses_key(job.config, key) for job, key in zip(sweep.jobs, images, strict=True)]
    common = [i for i, key in enumerate(poses) if poses.count(key) > 1]
    for i in common:
        _link(_shared(sweep, poses[i]), makers[images[i]], "images", images[i])
    jobs, keys = [sweep.jobs[i] for i in common], [poses[i] for i in common]
    _share(sweep, "poses", jobs, keys, run_command)


def _share(
    sweep: Multirun, stage: str, jobs: Sequence[Job], keys: Sequence[str], run_command: RunCommand
) -> dict[str, RunFolder]:
    """Make a stage once for the jobs of a key, and link theirs there; key → where it was made."""
    makers = {key: _shared(sweep, key) for key in keys}
    first = {key: job for key, job in reversed(list(zip(keys, jobs, strict=True)))}
    missing = [
        first[key].in_folder(str(maker.root))
        for key, maker in makers.items()
        if not maker.is_done(stage, key)
    ]
    if missing:
        sweep.launch(partial(_run_job, [stage], run_command, sweep.run), missing)
    for key, job in zip(keys, jobs, strict=True):
        _link(RunFolder(Path(job.config.run)), makers[key], stage, key)
    return makers


def _shared(sweep: Multirun, key: str) -> RunFolder:
    return RunFolder(Path(sweep.run) / SHARED / key)


def _link(run: RunFolder, maker: RunFolder, stage: str, key: str) -> None:
    """Let a run have the stage that another made, unless it has one of its own."""
    link = run[stage]
    is_own = link.exists() and not link.is_symlink()
    if maker.is_done(stage, key) and not is_own:
        there = os.path.relpath(maker[stage], link.parent)
        with replacing(link) as temporary:
            temporary.symlink_to(there)


def _run_job(commands: Sequence[str], run_command: RunCommand, root: str, config: Config) -> str:
    """One job, on whichever machine; what it prints goes to its log. Returns why it failed."""
    folder, start, reason = Path(config.run), time.monotonic(), ""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOG).open("w") as log, redirect_stdout(log):
        try:
            for command in commands:
                run_command(command, config)
        except MirageError as error:
            reason = f"{error.what} ({error.where})" if error.where else error.what
            print(error)
        except Exception as error:  # a defect: the other jobs go on, the log has all of it
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            traceback.print_exc(file=log)
    seconds = time.monotonic() - start
    print(f"  {folder.relative_to(root)}: {reason or f'done in {seconds:.0f} s'}", flush=True)
    return reason


def _figure_names(sweep: Multirun) -> list[str]:
    drawn = [name for plot in sweep.settings.plots.values() for name in plot.y]
    return list(dict.fromkeys([*sweep.settings.figures, *drawn]))


def tabulate(jobs: Sequence[Job], names: Sequence[str]) -> list[Row]:
    """Finished jobs as rows, in their order; jobs that differ only in seeds share one."""
    groups: dict[tuple[str, str], list[Job]] = {}
    for job in jobs:
        groups.setdefault((job.variant, str(_without_seeds(job.axes))), []).append(job)
    rows = []
    for members in groups.values():
        found = [_read_figures(Path(job.config.run)) for job in members]
        figures = {name: [f for tree in found if (f := _look_up(tree, name)) is not None]
                   for name in names}  # fmt: skip
        first = members[0]
        rows.append(Row(first.variant, _without_seeds(first.axes), len(members), figures))
    return rows


def _without_seeds(axes: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in axes.items() if key.split(".")[-1] != "seed"}


def _read_figures(run: Path) -> dict[str, Any]:
    """What the run's stages measured: evaluate/figures.json, and poses/summary.json below poses.

    Views by mode, as in views.soft.psnr.
    """
    folder = RunFolder(run)
    figures: dict[str, Any] = {}
    if folder.is_done("evaluate"):
        figures = read_json(folder["evaluate"] / FIGURES)
    if isinstance(rows := figures.get("views"), list):
        figures["views"] = {row["mode"]: row for row in rows}
    if folder.is_done("poses"):
        figures["poses"] = figures.get("poses", {}) | read_json(folder["poses"] / SUMMARY_FILE)
    return figures


def _look_up(tree: Any, path: str) -> float | None:
    for part in path.split("."):
        tree = tree.get(part) if isinstance(tree, dict) else None
    return float(tree) if isinstance(tree, int | float) else None


def _mean_and_spread(values: Sequence[float]) -> tuple[float, float]:
    """The mean, and the sample standard deviation (NaN of fewer than two)."""
    mean = float(np.mean(values)) if values else float("nan")
    return mean, float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")


def _columns(rows: Sequence[Row]) -> list[str]:
    axes = list(dict.fromkeys(key for row in rows for key in row.axes))
    return ["variant"] * any(row.variant for row in rows) + axes


def _settings_of(row: Row, columns: Sequence[str]) -> list[str]:
    return [_cell(({"variant": row.variant} | row.axes).get(name, "")) for name in columns]


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else str(value).replace(" ", "")


def _write_csv(path: Path, rows: Sequence[Row]) -> None:
    columns = _columns(rows)
    names = list(rows[0].figures) if rows else []
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*columns, "jobs", *(f"{n}{end}" for n in names for end in ("", ".std"))])
        for row in rows:
            figures = [x for name in names for x in _mean_and_spread(row.figures[name])]
            cells = ["" if np.isnan(figure) else repr(figure) for figure in figures]
            writer.writerow([*_settings_of(row, columns), row.num_jobs, *cells])


def _markdown(sweep: Multirun, rows: Sequence[Row]) -> str:
    """The table, under the command that prints it."""
    columns = _columns(rows)
    names = list(rows[0].figures) if rows else []
    lines = [f"`mirage sweep {shlex.join(sweep.words)}`", ""]
    lines += ["| " + " | ".join([*columns, "jobs", *names]) + " |"]
    lines += ["|" + "---|" * (len(columns) + 1 + len(names))]
    for row in rows:
        figures = [_show(*_mean_and_spread(row.figures[name])) for name in names]
        cells = [*_settings_of(row, columns), str(row.num_jobs), *figures]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "Mean ± standard deviation over the jobs of a row."]
    absent = [name for name in names if not any(row.figures[name] for row in rows)]
    lines += [f"\nNo job has the figure {name}." for name in absent]
    return "\n".join(lines) + "\n"


def _show(mean: float, spread: float) -> str:
    if np.isnan(mean):
        return "–"
    return f"{mean:.3g}" if np.isnan(spread) else f"{mean:.3g} ± {spread:.2g}"


def _draw(path: Path, plot: PlotConfig, rows: Sequence[Row]) -> None:
    """A panel a figure; a line for every combination of what else varies."""
    panels: dict[str, list[Series]] = {}
    for figure in plot.y:
        lines: dict[str, list[tuple[Any, float, float]]] = {}
        for row in rows:
            at = ({"variant": row.variant} | row.axes).get(plot.x)
            rest = {key: value for key, value in row.axes.items() if key != plot.x}
            variant = "" if plot.x == "variant" else row.variant
            if at is not None and row.figures[figure]:
                name = Row(variant, rest, 0, {}).name
                lines.setdefault(name, []).append((at, *_mean_and_spread(row.figures[figure])))
        panels[figure] = [
            Series(name, *zip(*points, strict=True)) for name, points in lines.items()
        ]
    save_picture(path, draw_panels(plot.x, panels))
