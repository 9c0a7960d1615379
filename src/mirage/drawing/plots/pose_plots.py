"""Plots of pose discovery: how many poses, how large they are, and what confidence is worth."""

from __future__ import annotations

import textwrap

import numpy as np
import numpy.typing as npt
from matplotlib.ticker import PercentFormatter
from PIL import Image

from mirage.core.angles import bin_medians, circular_difference, in_degrees
from mirage.core.contracts import FloatArray, IntArray, check_shape
from mirage.drawing.canvas import ACCENT, INK, MUTED
from mirage.drawing.plots.axes import add_axes, add_legend, new_figure, to_picture
from mirage.drawing.plots.azimuth_truth import NUM_BINS

OPEN_BITS = 1.0  # a count of poses is stable while a second discovery leaves at most this open
WEAK = 0.25  # a pose with fewer photos than this share of the median pose is weak


def stability_curve(
    counts: IntArray,
    open_bits: FloatArray,
    low: FloatArray,
    high: FloatArray,
    chosen: int,
    why: str = "",
) -> Image.Image:
    """How much of a photo's pose a second, independent discovery leaves open, by count of poses.

    Args:
        counts: [C] counts of poses tried.
        open_bits: [C] bits left open. low, high: [C] the interval over repeated discoveries.
        chosen: the count that was taken.
        why: the reason, as one line.
    """
    order = np.argsort(counts, kind="stable")
    counts, bits = np.asarray(counts)[order], np.asarray(open_bits, dtype=float)[order]
    for name, values in (("open_bits", bits), ("low", low), ("high", high)):
        check_shape(name, values, (len(counts),))
    low, high = np.asarray(low, dtype=float)[order], np.asarray(high, dtype=float)[order]
    place = np.arange(len(counts))
    figure = new_figure()
    axes = add_axes(figure, "number of poses", "bits left open")
    axes.fill_between(place, low, high, color=MUTED, alpha=0.2, linewidth=0)
    axes.plot(place, bits, color=INK, linewidth=1.6, marker="o", ms=3.5)
    axes.axhline(OPEN_BITS, color=MUTED, linewidth=1.0, linestyle="--")
    axes.text(
        0, OPEN_BITS, " 1 bit: a choice between two poses", color=MUTED, fontsize=8, va="bottom"
    )
    taken = counts == chosen
    axes.plot(
        place[taken],
        bits[taken],
        color=ACCENT,
        marker="o",
        ms=9,
        linestyle="none",
        label=f"{chosen} poses chosen",
    )
    axes.set_xticks(place, [str(count) for count in counts])
    axes.set_ylim(bottom=0.0, top=1.1 * max(OPEN_BITS, float(high.max(initial=0.0))))
    add_legend(axes, loc="lower right")
    if why:
        axes.set_title(textwrap.fill(why, 100), color=INK, fontsize=9, loc="left")
    return to_picture(figure)


def weak_poses(counts: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """[K] whether a pose has fewer photos than a quarter of the median pose."""
    counts = np.asarray(counts)
    return np.asarray(counts < WEAK * np.median(counts))


def pose_sizes(counts: IntArray, azimuth: FloatArray) -> Image.Image:
    """Photos a pose in the order of the ring; weak poses stand out.

    Args:
        counts: [K] photos. azimuth: [K] degrees.
    """
    check_shape("azimuth", azimuth, (len(counts),))
    order = np.argsort(azimuth, kind="stable")
    sizes, weak = np.asarray(counts)[order], weak_poses(counts)[order]
    place = np.arange(len(sizes))
    figure = new_figure(width=max(7.6, 0.3 * len(sizes)))
    axes = add_axes(figure, "pose, and its azimuth", "photos")
    axes.bar(place, sizes, color=np.where(weak, ACCENT, MUTED), width=0.75)
    axes.axhline(
        WEAK * float(np.median(sizes)),
        color=ACCENT,
        linewidth=1.0,
        linestyle="--",
        label="a quarter of the median: below it a pose is weak",
    )
    for x, size, is_weak in zip(place, sizes, weak, strict=True):
        if is_weak:
            axes.text(
                float(x), float(size), f"{size}", color=ACCENT, fontsize=8, ha="center", va="bottom"
            )
    axes.set_xticks(place, [f"{pose}\n{in_degrees(azimuth[pose])}" for pose in order], fontsize=7)
    axes.set_xlim(-0.7, len(sizes) - 0.3)
    axes.set_ylim(top=1.25 * max(int(sizes.max(initial=1)), 1))  # room for the legend
    axes.grid(False, axis="x")
    add_legend(axes, loc="upper right")
    return to_picture(figure)


def reliability_plot(
    confidence: npt.ArrayLike,
    accuracy: npt.ArrayLike,
    median_error: npt.ArrayLike,
    counts: npt.ArrayLike,
) -> Image.Image:
    """Accuracy and azimuth error of photos by the confidence they were given.

    Args:
        confidence: [n] mean of each group of photos. accuracy: [n] in [0, 1].
        median_error: [n] degrees. counts: [n] photos a group.
    """
    at, right, error, number = (
        np.asarray(values, dtype=float) for values in (confidence, accuracy, median_error, counts)
    )
    for name, values in (("accuracy", right), ("median_error", error), ("counts", number)):
        check_shape(name, values, (len(at),))
    figure = new_figure()
    left = add_axes(figure, "confidence", "photos given the right pose", (1, 2, 1))
    left.plot([0, 1], [0, 1], color=MUTED, linewidth=1.0, linestyle="--")
    left.plot(at, right, color=INK, linewidth=1.6, marker="o", ms=4)
    for x, y, n in zip(at, right, number, strict=True):
        left.annotate(
            f"{n:.0f}",
            (x, y),
            xytext=(0, 5),
            textcoords="offset points",
            color=MUTED,
            fontsize=7,
            ha="center",
        )
    left.set_xlim(0, 1.02)
    left.set_ylim(0, 1.1)
    left.yaxis.set_major_formatter(PercentFormatter(1.0))
    below = add_axes(figure, "confidence", "median azimuth error, degrees", (1, 2, 2))
    below.plot(at, error, color=ACCENT, linewidth=1.6, marker="o", ms=4)
    below.set_xlim(0, 1.02)
    below.set_ylim(bottom=0.0)
    return to_picture(figure)


def found_against_true(
    found: npt.ArrayLike, true: npt.ArrayLike, confidence: npt.ArrayLike
) -> Image.Image:
    """Found azimuths of photos against their true ones, and how far off the found ones are.

    Args:
        found, true: [N] degrees in [0, 360), aligned. confidence: [N] in [0, 1], by which photos
            fade.
    """
    found, true = np.asarray(found, dtype=float), np.asarray(true, dtype=float)
    check_shape("found", found, (None,))
    check_shape("true", true, found.shape)
    strength = 0.12 + 0.5 * np.clip(np.asarray(confidence, dtype=float), 0.0, 1.0)
    figure = new_figure(height=4.0)
    left = add_axes(figure, "true azimuth, degrees", "found azimuth, degrees", (1, 2, 1))
    left.plot([0, 360], [0, 360], color=MUTED, linewidth=1.0, linestyle="--")
    left.scatter(true, found, s=3, color=INK, alpha=strength, linewidths=0)
    left.set_xlim(0, 360)
    left.set_ylim(0, 360)
    left.set_aspect("equal")
    right = add_axes(figure, "true azimuth, degrees", "found minus true, degrees", (1, 2, 2))
    right.axhline(0.0, color=MUTED, linewidth=1.0, linestyle="--")
    right.scatter(
        true, circular_difference(found, true), s=3, color=INK, alpha=strength, linewidths=0
    )
    middles, medians = bin_medians(found, true, NUM_BINS)
    right.plot(
        middles,
        circular_difference(medians, middles),
        color=ACCENT,
        linewidth=1.6,
        marker="o",
        ms=3,
        label="median of those within 90°",
    )
    right.set_xlim(0, 360)
    right.set_ylim(-60, 60)
    add_legend(right, loc="upper right")
    for axes in (left, right):
        axes.set_xticks(range(0, 361, 90))
    left.set_yticks(range(0, 361, 90))
    return to_picture(figure)
