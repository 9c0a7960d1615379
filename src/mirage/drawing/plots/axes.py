"""The look that all plots share."""

from __future__ import annotations

import io
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from mirage.drawing.canvas import INK, MUTED, PAPER, RULE


def new_figure(width: float = 7.6, height: float = 3.2) -> Figure:
    """An empty figure on the panels' paper; inches at 160 dots each."""
    figure = Figure(figsize=(width, height), dpi=160, facecolor=PAPER, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def add_axes(
    figure: Figure,
    x: str,
    y: str,
    place: tuple[int, int, int] = (1, 1, 1),
    sharey: Axes | None = None,
) -> Axes:
    """Axes named `x` and `y`; `place` is rows, columns and number of a subplot."""
    axes = figure.add_subplot(*place, facecolor=PAPER, sharey=sharey)
    axes.set_xlabel(x, color=MUTED, fontsize=9)
    axes.set_ylabel(y, color=MUTED, fontsize=9)
    axes.tick_params(colors=MUTED, labelsize=8, length=3, which="both")
    axes.grid(True, which="both", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    return axes


def add_legend(axes: Axes, **style: Any) -> None:
    """The legend of what was labelled."""
    legend = axes.legend(frameon=False, labelcolor=INK, fontsize=9, **style)
    for name in legend.get_texts():
        name.set_parse_math(False)  # a name may have dollars in it


def to_picture(figure: Figure) -> Image.Image:
    """The figure as drawn."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", facecolor=PAPER)
    return Image.open(buffer).convert("RGB")
