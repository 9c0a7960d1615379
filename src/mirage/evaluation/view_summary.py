"""What was measured of single views → figures with 95% intervals over objects, and differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mirage.core.contracts import FloatArray
from mirage.evaluation.view_sets import SetFigure
from mirage.generation.cost import Cost
from mirage.metrics.intervals import Interval, Statistic, bootstrap, jackknife
from mirage.metrics.registry import ASKED, METRICS, READ

Figures = dict[str, tuple[FloatArray, Statistic]]  # name → values [O, …] and what is made of them


@dataclass(frozen=True)
class Row:
    """What was measured of one mode or baseline.

    Attributes:
        figures: name → [O, …], of each object's views, or one of each object.
        pooled: [O, V, C] pooled features of the views.
        costs: of an object in each batch that was turned, where views were sampled.
    """

    figures: dict[str, FloatArray]
    pooled: FloatArray
    costs: Sequence[Cost]


def summarise(row: Row, sets: dict[str, SetFigure], seed: int) -> dict[str, Any]:
    """Every figure by its name, and the intervals that can be had, by the same names."""
    figures: Figures = {n: (values, _statistic(n)) for n, values in row.figures.items()}
    facts: dict[str, Any] = {}
    if row.costs:
        views = row.pooled.shape[1]
        seconds = np.asarray([cost.seconds / views for cost in row.costs])
        figures["seconds_a_view"] = (seconds, np.mean)
        facts["forwards"] = max(cost.forwards for cost in row.costs)
        facts["peak_memory_mib"] = max(cost.peak_mib for cost in row.costs)
    return _with_intervals(figures, sets, seed) | facts


def by_quarter(row: Row, azimuths: FloatArray) -> list[dict[str, float]]:
    """How views are read, by the quarter of the ring that they were asked for in.

    Quarters are about 0°, where a mirror image is its own mirror image, 90°, 180° and 270°.

    Args:
        azimuths: [V] degrees that were asked for.
    """
    quarter = ((np.asarray(azimuths) + 45.0) // 90.0).astype(int) % 4
    of_views = {
        metric.name: row.figures[metric.name]
        for metric in (*ASKED, *READ)
        if metric.name in row.figures and row.figures[metric.name].shape[1] == len(azimuths)
    }
    return [
        {"about": 90.0 * each}
        | {
            name: float(_statistic(name)(values[:, quarter == each]))
            for name, values in of_views.items()
        }
        for each in sorted(set(quarter.tolist()))
    ]


def difference(
    of: Row, minus: Row, of_sets: dict[str, SetFigure], minus_sets: dict[str, SetFigure], seed: int
) -> dict[str, Any]:
    """Object by object where a figure is a mean, so that what objects share falls out."""
    figures: Figures = {
        name: (_object_means(of, name) - _object_means(minus, name), np.mean)
        for name in of.figures
        if not METRICS[name].median
    }
    sets = {name: of_sets[name] - minus_sets[name] for name in of_sets}
    return _with_intervals(figures, sets, seed)


def _object_means(row: Row, name: str) -> FloatArray:
    values = row.figures[name]
    return np.asarray(values.reshape(len(values), -1).mean(axis=1))


def _statistic(name: str) -> Statistic:
    return np.median if METRICS[name].median else np.mean


def _with_intervals(figures: Figures, sets: dict[str, SetFigure], seed: int) -> dict[str, Any]:
    row: dict[str, Any] = {name: float(how(values)) for name, (values, how) in figures.items()}
    row |= {name: found.whole for name, found in sets.items()}
    intervals = {
        name: _ends(bootstrap(values, seed, how))
        for name, (values, how) in figures.items()
        if len(values) > 1
    } | {
        name: _ends(jackknife(found.whole, found.without))
        for name, found in sets.items()
        if len(found.without) > 1
    }
    return row | {"intervals": intervals}


def _ends(interval: Interval) -> dict[str, float]:
    return {"low": interval.low, "high": interval.high}
