"""How evenly an object turns: many views round the circle, each compared with the next.

A jump where the nearest pose changes would show that the model turns from pose to pose rather than
continuously. The object itself does not change evenly either, so the same is measured of its true
renders, where there are any.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mirage.config import Config
from mirage.core.contracts import ByteArray, FloatArray
from mirage.distributed.ranks import ALONE, Ranks
from mirage.drawing.tables import Table
from mirage.evaluation.view_cases import Case
from mirage.generation.turner import Turner
from mirage.generation.turning import turn
from mirage.metrics.intervals import bootstrap
from mirage.metrics.views import turn_steps
from mirage.sampler.targets import nearest_pose, ring_azimuths

_OBJECTS = 6  # of those that views are measured on


def measure_turns(
    config: Config, turner: Turner, cases: Sequence[Case], seed: int, ranks: Ranks = ALONE
) -> dict[str, Any]:
    """Of the default mode and of true renders: mean step, largest over mean, border over inside.

    A step is the root mean square difference of a view to the next, in levels of 255. Processes
    share the objects; all must call this.
    """
    ring = turner.bank.ring
    cases = cases[:_OBJECTS]
    mine = ranks.share(len(cases))
    references = [cases[index].reference for index in mine]
    asked = [ring_azimuths(ring, config.evaluate.turn, of.first.azimuth) for of in references]
    orbits = turn(turner, references, asked, config) if references else []
    measured: dict[int, dict[str, tuple[float, float, float]]] = {}
    for index, orbit, azimuths in zip(mine, orbits, asked, strict=True):
        case = cases[index]
        pose = nearest_pose(ring, azimuths)
        crosses = (pose != np.roll(pose, -1))[: None if ring.closed else -1]
        pictures = {config.views.mode: orbit.frames}
        if case.render is not None:
            pictures["true renders"] = case.render(azimuths)
        measured[index] = {
            name: _figures(frames, crosses, ring.closed) for name, frames in pictures.items()
        }
    everyones = {index: rows for part in ranks.gather(measured) for index, rows in part.items()}
    found: dict[str, list[tuple[float, float, float]]] = {}
    for index in range(len(cases)):
        for name, figures in everyones[index].items():
            found.setdefault(name, []).append(figures)
    return {
        "views": config.evaluate.turn,
        "objects": len(cases),
        "rows": [{"of": name, **_summary(rows, seed)} for name, rows in found.items()],
    }


def _figures(frames: ByteArray, crosses: Any, closed: bool) -> tuple[float, float, float]:
    steps = turn_steps(frames, closed)
    border = steps[crosses].mean() / steps[~crosses].mean() if 0 < crosses.sum() < len(steps) else 1
    return float(steps.mean()), float(steps.max() / steps.mean()), float(border)


def _summary(rows: Sequence[tuple[float, float, float]], seed: int) -> dict[str, Any]:
    values: FloatArray = np.asarray(rows)
    summary: dict[str, Any] = {}
    for name, column in zip(("step", "largest", "border"), values.T, strict=True):
        summary[name] = float(column.mean())
        if len(column) > 1:
            interval = bootstrap(column, seed)
            summary[f"{name}_interval"] = [interval.low, interval.high]
    return summary


def turn_tables(turns: dict[str, Any] | None) -> list[Table]:
    """What `measure_turns` gave as a table; none where nothing was measured."""
    if not turns:
        return []

    def cell(row: dict[str, Any], name: str, digits: int) -> str:
        low_high = row.get(f"{name}_interval")
        ends = "" if low_high is None else "\n[{:.{d}f}, {:.{d}f}]".format(*low_high, d=digits)
        return f"{row[name]:.{digits}f}{ends}"

    rows: list[list[str | None]] = [
        [row["of"], cell(row, "step", 1), cell(row, "largest", 2), cell(row, "border", 2)]
        for row in turns["rows"]
    ]
    return [
        Table(
            f"A turn of {turns['views']} views",
            ["", "mean step, of 255", "largest / mean", "across a pose's border / within"],
            rows,
            "Step: root mean square difference of a view to the next. Read beside the true "
            "renders, which do not change evenly either. In brackets: 95% intervals over "
            f"{turns['objects']} objects.",
        )
    ]
