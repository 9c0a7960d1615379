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
from mirage.core.contracts import ByteArray
from mirage.distributed.ranks import ALONE, Ranks
from mirage.drawing.tables import Table, metric_table
from mirage.evaluation.view_cases import Case
from mirage.generation.sampling import sample
from mirage.generation.view_generator import ViewGenerator
from mirage.metrics.intervals import bootstrap
from mirage.metrics.registry import TURNS
from mirage.metrics.views import turn_steps
from mirage.sampler.targets import nearest_pose, ring_azimuths

_OBJECTS = 6  # of those that views are measured on


def measure_smoothness(
    config: Config, generator: ViewGenerator, cases: Sequence[Case], seed: int, ranks: Ranks = ALONE
) -> dict[str, Any]:
    """Of the default mode and of true renders: mean step, largest over mean, border over inside.

    A step is the root mean square difference of a view to the next, in levels of 255. Processes
    share the objects; all must call this.
    """
    ring = generator.bank.ring
    cases = cases[:_OBJECTS]
    mine = ranks.share(len(cases))
    references = [cases[index].reference for index in mine]
    asked = [ring_azimuths(ring, config.evaluate.turn, of.first.azimuth) for of in references]
    orbits = sample(generator, references, asked, config) if references else []
    measured: dict[int, dict[str, dict[str, float]]] = {}
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
    found: dict[str, list[dict[str, float]]] = {}
    for index in range(len(cases)):
        for name, figures in everyones[index].items():
            found.setdefault(name, []).append(figures)
    return {
        "views": config.evaluate.turn,
        "objects": len(cases),
        "rows": [{"of": name, **_summary(rows, seed)} for name, rows in found.items()],
    }


def _figures(frames: ByteArray, crosses: Any, closed: bool) -> dict[str, float]:
    steps = turn_steps(frames, closed)
    border = steps[crosses].mean() / steps[~crosses].mean() if 0 < crosses.sum() < len(steps) else 1
    largest = steps.max() / steps.mean()
    return {"step": float(steps.mean()), "largest": float(largest), "border": float(border)}


def _summary(rows: Sequence[dict[str, float]], seed: int) -> dict[str, Any]:
    summary: dict[str, Any] = {}
    for name in rows[0]:
        column = np.asarray([row[name] for row in rows])
        summary[name] = float(column.mean())
        if len(column) > 1:
            interval = bootstrap(column, seed)
            summary[f"{name}_interval"] = [interval.low, interval.high]
    return summary


def smoothness_tables(turns: dict[str, Any] | None) -> list[Table]:
    """What `measure_smoothness` gave as a table; none where nothing was measured."""
    if not turns:
        return []
    rows = [((row["of"],), row | {"intervals": _intervals(row)}) for row in turns["rows"]]
    return metric_table(
        f"A turn of {turns['views']} views",
        TURNS,
        rows,
        "Step: root mean square difference of a view to the next. Read beside the true renders, "
        f"which do not change evenly either. In brackets: 95% intervals over {turns['objects']} "
        "objects.",
    )


def _intervals(row: dict[str, Any]) -> dict[str, dict[str, float]]:
    """As other figures have them."""
    ends = {metric.name: row.get(f"{metric.name}_interval") for metric in TURNS}
    return {name: {"low": of[0], "high": of[1]} for name, of in ends.items() if of is not None}
