"""The jobs of a sweep beside one another: rows, a CSV, a table and plots."""

from __future__ import annotations

import csv
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mirage.config import Config, PlotConfig
from mirage.core.files import replacing
from mirage.drawing.plots.sweeps import Series, draw_panels
from mirage.evaluation.figures import FIGURES
from mirage.metrics.registry import AZIMUTHS, POSES, RING_SCORE, VIEWS
from mirage.runs.folder import SUMMARY_FILE, RunFolder, read_json, save_picture
from mirage.sweeps.multirun import Job, Multirun

_OF_POSES = (
    *(f"poses.{metric.name}" for metric in POSES if metric.main),
    *(f"poses.pose_azimuth_error.{metric.name}" for metric in AZIMUTHS if metric.main),
    f"poses.{RING_SCORE.name}",
)
_OF_VIEWS = tuple(f"views.mode.{metric.name}" for metric in VIEWS if metric.main)


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


def figure_names(sweep: Multirun) -> list[str]:
    """The table's columns: the figures that are asked for, and those that are drawn."""
    trains = bool({"train", "run"} & set(sweep.commands))
    asked = sweep.settings.figures or [*_OF_POSES, *(_OF_VIEWS if trains else ())]
    drawn = [name for plot in sweep.settings.plots.values() for name in plot.y]
    return list(dict.fromkeys([*asked, *drawn]))


def tabulate(jobs: Sequence[Job], names: Sequence[str]) -> list[Row]:
    """Finished jobs as rows, in their order; jobs that differ only in seeds share one."""
    groups: dict[tuple[str, str], list[Job]] = {}
    for job in jobs:
        groups.setdefault((job.variant, str(_without_seeds(job.axes))), []).append(job)
    rows = []
    for members in groups.values():
        found = [_read_figures(job.config) for job in members]
        figures = {
            name: [f for tree in found if (f := _look_up(tree, name)) is not None] for name in names
        }
        first = members[0]
        rows.append(Row(first.variant, _without_seeds(first.axes), len(members), figures))
    return rows


def _without_seeds(axes: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in axes.items() if key.split(".")[-1] != "seed"}


def _read_figures(config: Config) -> dict[str, Any]:
    """What the run's stages measured: evaluate/figures.json, and poses/summary.json below poses.

    Views by mode, as in views.soft.psnr; those of the run's own mode also as views.mode.psnr.
    """
    folder = RunFolder(Path(config.run))
    figures: dict[str, Any] = {}
    if folder.is_done("evaluate"):
        figures = read_json(folder["evaluate"] / FIGURES)
    if isinstance(rows := figures.get("views"), list):
        views = {row["mode"]: row for row in rows}
        figures["views"] = views | {"mode": views.get(config.views.mode)}
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


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """Every figure's mean and standard deviation; what is not there is left empty."""
    columns = _columns(rows)
    names = list(rows[0].figures) if rows else []
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*columns, "jobs", *(f"{n}{end}" for n in names for end in ("", ".std"))])
        for row in rows:
            figures = [x for name in names for x in _mean_and_spread(row.figures[name])]
            cells = ["" if np.isnan(figure) else repr(figure) for figure in figures]
            writer.writerow([*_settings_of(row, columns), row.num_jobs, *cells])


def to_markdown(sweep: Multirun, rows: Sequence[Row]) -> str:
    """The table, under the command that prints it."""
    columns = _columns(rows)
    names = list(rows[0].figures) if rows else []
    lines = [f"`mirage {shlex.join(sweep.words)}`", ""]
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


def draw(path: Path, plot: PlotConfig, rows: Sequence[Row]) -> None:
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
