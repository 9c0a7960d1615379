"""What was measured, in W&B: figures to plot, and tables to sort."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import wandb

from callbacks.names import to_name
from callbacks.tracking import kept_with, log_pictures


def log_evaluation(run: Any, figures: dict[str, Any], pictures: Sequence[Path]) -> None:
    """Log figures and pictures under `evaluate/`.

    Args:
        figures: what `mirage evaluate` measured; in the tree, what is no number is left out.
    """
    if run.disabled:
        return
    views, differences = figures.get("views", []), figures.get("differences", [])
    tree = {
        "poses": figures["poses"],
        "views": {row["mode"]: row for row in views},
        "differences": {f"{row['of']}_minus_{row['minus']}": row for row in differences},
    }
    log_pictures(run, "evaluate", pictures, **dict(_numbers(tree, "evaluate")))
    if views:
        with kept_with(run):
            run.log({"evaluate/table": _table(views)})


def _numbers(tree: dict[str, Any], path: str) -> Iterator[tuple[str, float]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _numbers(value, f"{path}/{to_name(name)}")
        elif isinstance(value, int | float):
            yield f"{path}/{to_name(name)}", float(value)


def _table(rows: Sequence[dict[str, Any]]) -> wandb.Table:
    """A row a mode; a figure that a row lacks is left empty."""
    figures = [
        name for name in dict.fromkeys(name for row in rows for name in row)
        if any(isinstance(row.get(name), int | float) for row in rows)
    ]  # fmt: skip
    cells = [[row["mode"], *(_number(row.get(name)) for name in figures)] for row in rows]
    return wandb.Table(["mode", *figures], cells)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
