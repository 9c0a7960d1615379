"""Tables of figures: on the page, on the console, and in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from mirage.core.errors import MirageError
from mirage.core.progress import chosen
from mirage.metrics.registry import Metric

Cell = str | int | float | None

_WIDTH = 130  # characters of a line: the widest table, with its intervals
_ENDLESS = 100_000


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


def metric_table(
    title: str,
    metrics: Sequence[Metric],
    rows: Sequence[tuple[Sequence[Cell], Mapping[str, Any]]],
    note: str = "",
    *,
    named: Sequence[str] = ("",),
    beside: Sequence[Metric] = (),
    signed: bool = False,
) -> list[Table]:
    """A column a metric that some row has; no table where none has any.

    Args:
        rows: what names a row, and its values by metric, perhaps with `intervals` by metric.
        named: headings of what names a row.
        beside: metrics that come first, wherever there is a table.
        signed: values are differences: a star where the interval leaves out 0.
    """
    known = [m for m in metrics if any(row.get(m.name) is not None for _, row in rows)]
    if not known:
        return []
    shown = [*beside, *known]
    cells = [[*names, *(_metric_cell(row, m, signed) for m in shown)] for names, row in rows]
    return [Table(title, [*named, *(m.heading for m in shown)], cells, note)]


def _metric_cell(row: Mapping[str, Any], metric: Metric, signed: bool) -> str | None:
    """The value, and below it its interval."""
    if row.get(metric.name) is None:
        return None
    value = metric.show(row[metric.name], signed)
    ends = row.get("intervals", {}).get(metric.name)
    if ends is None:
        return value
    low, high = (metric.show(ends[end], signed) for end in ("low", "high"))
    star = " *" if signed and (ends["low"] > 0 or ends["high"] < 0) else ""
    return f"{value}{star}\n[{low}, {high}]"


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
    """To standard output, for people; scripts read the files that they are in."""
    if chosen() != "auto":
        return
    for table in tables:
        shown = rich_table(table.columns, table.title, table.note)
        for row in table.rows:
            add_row(shown, [format_cell(cell) for cell in row])
        print_table(shown, _WIDTH)


def rich_table(columns: Sequence[str], title: str = "", note: str = "") -> RichTable:
    """An empty table. No name in it is taken for markup, nor cut where it is too long."""
    table = RichTable(title=Text(title) if title else None, caption=Text(note) if note else None)
    for heading in columns:
        table.add_column(Text(heading), overflow="fold")
    return table


def add_row(table: RichTable, cells: Sequence[str]) -> None:
    """Add a row of plain text."""
    table.add_row(*map(Text, cells))


def print_table(table: RichTable, width: int | None = None) -> None:
    """To standard output: in a file or pipe, a row is a line, however long.

    Args:
        width: characters of a line in a terminal; its own where None.
    """
    console = Console(width=width)
    if not console.is_terminal:
        endless = console.options.update(width=_ENDLESS)
        console.width = max(console.width, console.measure(table, options=endless).maximum)
    console.print(table)


def print_text(text: str) -> None:
    """To standard output, as a table is."""
    if chosen() == "auto":
        print(text)


def to_markdown(table: Table) -> str:
    """A title, the table, and its note; a cell's lines on one."""
    lines = [f"**{table.title}**", ""] if table.title else []
    lines += ["| " + " | ".join(table.columns) + " |", "|" + "---|" * len(table.columns)]
    for row in table.rows:
        cells = [format_cell(cell).replace("\n", " ").replace("|", "\\|") for cell in row]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, *(["", table.note] if table.note else [])]) + "\n"
