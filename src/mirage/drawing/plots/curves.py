"""The training curve."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.ticker import LogLocator, StrMethodFormatter
from PIL import Image

from mirage.core.contracts import FloatArray, check_shape
from mirage.drawing.canvas import ACCENT, INK, RULE
from mirage.drawing.plots.axes import add_axes, add_legend, new_figure, to_picture


def training_curve(
    steps: npt.ArrayLike,
    losses: npt.ArrayLike,
    validation: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
) -> Image.Image:
    """The loss [N] at optimizer steps [N]: faint as logged, and smoothed; a PIL picture.

    Args:
        steps: [N], in order.
        losses: [N]; what is not finite is left out.
        validation: steps and losses of held-out photos.
    """
    at, loss = _finite(steps, losses)
    figure = new_figure()
    axes = add_axes(figure, "step", "loss")
    axes.plot(at, loss, color=RULE, linewidth=1.0)
    axes.plot(at, _smooth(loss), color=INK, linewidth=1.6, label="training")
    drawn = loss
    if validation is not None:
        held_at, held = _finite(*validation)
        axes.plot(held_at, held, color=ACCENT, linewidth=1.6, marker="o", ms=3.5, label="held out")
        add_legend(axes)
        drawn = np.concatenate([loss, held])
    if drawn.size and drawn.min() > 0 and drawn.max() > 4 * drawn.min():
        axes.set_yscale("log")
        axes.yaxis.set_minor_locator(LogLocator(subs=(2.0, 5.0)))
        axes.yaxis.set_minor_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    return to_picture(figure)


def _finite(steps: npt.ArrayLike, losses: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    at, loss = np.asarray(steps, dtype=float), np.asarray(losses, dtype=float)
    check_shape("steps", at, (None,))
    check_shape("losses", loss, (len(at),))
    keep = np.isfinite(loss)
    return at[keep], loss[keep]


def _smooth(values: FloatArray) -> FloatArray:
    """A running mean over a twentieth of the points, shorter at both ends."""
    reach = max(len(values) // 40, 1)
    total = np.concatenate([[0.0], np.cumsum(values)])
    low = np.maximum(np.arange(len(values)) - reach, 0)
    high = np.minimum(np.arange(len(values)) + reach + 1, len(values))
    smoothed: FloatArray = (total[high] - total[low]) / (high - low)
    return smoothed
