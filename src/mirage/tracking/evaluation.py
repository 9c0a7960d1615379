"""What was measured, in W&B: figures to plot, and tables to sort."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import wandb

from mirage.tracking.logger import kept_with, log_pictures
from mirage.tracking.names import STEP, to_name


def log_evaluation(run: Any, figures: dict[str, Any], pictures: Sequence[Path], step: int) -> None:
    """Log figures and pictures under `evaluate/`.

    Args:
        figures: what `mirage evaluate` measured; what is no number is left out.
        step: of the model, optimizer steps; 0 where there is none.
    """
    if run.disabled:
        return
    views = {row["mode"]: row | {"intervals": None} for row in figures["views"]}
    numbers = dict(_numbers({"poses": figures["poses"], "views": views}, "evaluate"))
    log_pictures(run, "evaluate", pictures, **numbers, **{STEP: step})
    if views:
        tables = {
            "evaluate/table": _table(figures["views"]),
            "evaluate/differences": _differences(figures["differences"]),
        }
        with kept_with(run):
            run.log(tables | {STEP: step})


def _numbers(tree: dict[str, Any], path: str) -> Iterator[tuple[str, float]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _numbers(value, f"{path}/{to_name(name)}")
        elif isinstance(value, int | float):
            yield f"{path}/{to_name(name)}", float(value)


def _table(rows: Sequence[dict[str, Any]]) -> wandb.Table:
    """A row a mode; a figure that a row lacks is left empty."""
    known = {name: value for row in rows for name, value in row.items()}
    figures = [name for name, value in known.items() if isinstance(value, int | float)]
    cells = [[row["mode"], *(_number(row.get(name)) for name in figures)] for row in rows]
    return wandb.Table(["mode", *figures], cells)


def _differences(rows: Sequence[dict[str, Any]]) -> wandb.Table:
    """A row a figure of two modes, with the interval."""
    cells = [
        [
            row["of"],
            row["minus"],
            name,
            _number(value),
            _number(ends.get("low")),
            _number(ends.get("high")),
        ]
        for row in rows
        for name, value in row.items()
        if isinstance(value, int | float)
        for ends in [row["intervals"].get(name, {})]
    ]
    return wandb.Table(["of", "minus", "figure", "difference", "low", "high"], cells)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
