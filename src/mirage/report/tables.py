"""Tables of figures: on the page, on the console, and in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table as RichTable

from mirage.errors import MirageError

Cell = str | int | float | None

_WIDTH = 130  # characters of a line: the widest table, with its intervals


@dataclass(frozen=True)
class Table:
    """Figures to read: a caption, column names, rows of cells (the first names the row)."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise MirageError(
                    f"a row of {len(row)} cells under {len(self.columns)} columns: {list(row)}",
                    where=f"report table {self.title!r}",
                    todo="give every row one cell a column; None is drawn as a dash",
                )


def format_cell(value: Cell) -> str:
    """A figure as text: three or four significant digits, thousands apart, None as a dash."""
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    if not np.isfinite(value):
        return "–" if np.isnan(value) else ("∞" if value > 0 else "−∞")
    size = abs(value)
    digits = 0 if size >= 1000 else 1 if size >= 100 else 2 if size >= 1 else 3
    if 0 < size < 0.001:
        return f"{value:.1e}"
    return f"{value:,.{digits}f}".replace("-", "−")


def print_tables(tables: Sequence[Table]) -> None:
    """To standard output."""
    console = Console(width=_WIDTH)
    for table in tables:
        first, *others = table.columns
        shown = RichTable(title=table.title, caption=table.note or None)
        shown.add_column(first, no_wrap=True)
        for heading in others:
            shown.add_column(heading)
        for row in table.rows:
            shown.add_row(*(format_cell(cell) for cell in row))
        console.print(shown)


def to_markdown(table: Table) -> str:
    """A title, the table, and its note; a cell's lines on one."""
    lines = [f"**{table.title}**", ""] if table.title else []
    lines += ["| " + " | ".join(table.columns) + " |", "|" + "---|" * len(table.columns)]
    for row in table.rows:
        cells = [format_cell(cell).replace("\n", " ").replace("|", "\\|") for cell in row]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, *(["", table.note] if table.note else [])]) + "\n"
