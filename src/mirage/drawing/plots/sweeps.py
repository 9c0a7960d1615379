"""Figures of a sweep against what varies in it, with the spread of repeats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullFormatter, StrMethodFormatter
from PIL import Image

from mirage.drawing.canvas import ACCENT, INK, MUTED
from mirage.drawing.plots.axes import add_axes, add_legend, new_figure, to_picture

_COLOURS = (INK, ACCENT, "#2f6f9f", "#6b8e23", "#8a5a9e", MUTED)
_WIDE = 8.0  # numbers that span this factor are drawn on a logarithmic axis


@dataclass(frozen=True)
class Series:
    """One line of a panel.

    Attributes:
        name: of the legend; empty for an only line.
        x: [N] numbers, or names.
        mean: [N].
        spread: [N], the reach of a bar to either side; NaN where there is none.
    """

    name: str
    x: Sequence[Any]
    mean: Sequence[float]
    spread: Sequence[float]


def draw_panels(x: str, panels: Mapping[str, Sequence[Series]]) -> Image.Image:
    """Panels side by side, one a figure: lines over numbers, dots beside names; a PIL picture."""
    series = [line for lines in panels.values() for line in lines]
    numeric = all(isinstance(at, int | float) for line in series for at in line.x)
    names = list(dict.fromkeys(_name(at) for line in series for at in line.x))
    height = 3.2 if numeric else 0.9 + 0.26 * max(len(names), 4)
    figure = new_figure(3.8 * len(panels), height)
    first: Axes | None = None
    for position, (title, lines) in enumerate(panels.items(), start=1):
        place = (1, len(panels), position)
        axes = add_axes(figure, x if numeric else "", "", place, None if numeric else first)
        first = first or axes
        _draw_lines(axes, lines) if numeric else _draw_dots(axes, names, lines)
        axes.set_title(title, color=INK, fontsize=9, loc="left")
        if len(lines) > 1:
            add_legend(axes)
    return to_picture(figure)


def _draw_lines(axes: Axes, lines: Sequence[Series]) -> None:
    ticks = sorted({float(at) for line in lines for at in line.x})
    if ticks and ticks[0] > 0 and ticks[-1] >= _WIDE * ticks[0]:
        axes.set_xscale("log", base=2)
    for index, line in enumerate(lines):
        order = np.argsort(line.x)
        at, mean, spread = (np.asarray(v, float)[order] for v in (line.x, line.mean, line.spread))
        colour = _COLOURS[index % len(_COLOURS)]
        axes.errorbar(
            at,
            mean,
            np.nan_to_num(spread),
            color=colour,
            linewidth=1.4,
            marker="o",
            markersize=4,
            elinewidth=1.0,
            capsize=2.5,
            label=line.name,
        )
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _draw_dots(axes: Axes, names: Sequence[str], lines: Sequence[Series]) -> None:
    """The first name on top, with a rule down from it: the others are read against it."""
    for index, line in enumerate(lines):
        at = [names.index(_name(name)) for name in line.x]
        axes.errorbar(
            line.mean,
            at,
            xerr=np.nan_to_num(line.spread),
            color=_COLOURS[index % len(_COLOURS)],
            linestyle="",
            marker="o",
            markersize=4.5,
            elinewidth=1.0,
            capsize=2.5,
            label=line.name,
        )
        axes.axvline(line.mean[0], color=_COLOURS[index % len(_COLOURS)], linewidth=0.8, alpha=0.5)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)


def _name(value: Any) -> str:
    return value if isinstance(value, str) else str(value)
