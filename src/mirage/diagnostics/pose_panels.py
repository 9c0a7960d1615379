"""The pictures of the poses in the order in which to read them, each with its words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from mirage.drawing.panel import Panel
from mirage.drawing.plots.pose_plots import reliability_plot
from mirage.runs.folder import open_picture


@dataclass(frozen=True)
class _Words:
    title: str
    alt: str
    caption: str
    whole: bool = False


_WORDS = {
    "ring": _Words(
        "The ring",
        "The poses in order round a circle",
        "Each pose stands at its azimuth, the dot’s area is its share of the photos: neighbours "
        "should look like one small turn of the object.",
        whole=True,
    ),
    "montage": _Words(
        "Photos of each pose",
        "Photos of each pose, one block a pose",
        "Photos drawn at random, never the best ones: in a good pose nearly all face the same way.",
    ),
    "parts": _Words(
        "Parts and foreground",
        "Photos with their parts and foreground",
        "Parts found in the patch features, grey where they are background, and the foreground "
        "they add up to: the object should stand, and the rest should fade.",
    ),
    "part_masks": _Words(
        "Part by part",
        "The object’s most frequent parts, one row a part, drawn over photos",
        "Each row marks one part in photos drawn at random: it should lie on the same piece of "
        "the object in all of them.",
    ),
    "pairs": _Words(
        "Mirror poses",
        "Photos of each pose above flipped photos of its mirror pose",
        "Below each pose stand photos of its mirror pose, flipped: both rows should show the same "
        "side of the object.",
    ),
    "sizes": _Words(
        "Photos a pose",
        "The number of photos of each pose, in the order of the ring",
        "Where a bar is low the model has seen little, and views at that azimuth will be weak.",
        whole=True,
    ),
    "stability": _Words(
        "How many poses",
        "How much a second discovery leaves open about a photo’s pose, by the number of poses",
        "Poses were discovered several times over: the finest count is taken at which a second "
        "discovery leaves at most 1 bit open about a photo’s pose.",
        whole=True,
    ),
    "reliability": _Words(
        "What confidence is worth",
        "Accuracy and azimuth error of photos by their confidence",
        "Ten groups of fresh photos, from least to most confident (the number is their size): "
        "accuracy should rise to the right, and the error fall.",
        whole=True,
    ),
    "doubts": _Words(
        "Doubtful photos",
        "The least confident photos and the outliers, with pose, azimuth and confidence",
        "The least confident photos and those flagged as outliers, with pose, azimuth and "
        "confidence: what stands here by right is hard to read, or another object.",
    ),
}


_BROWSED = ("ring", "montage", "parts", "part_masks")  # what a gallery shows in place of pictures


def pose_files(poses: Path) -> list[Path]:
    """The pictures in the folder of the poses, in order."""
    return [path for name in _WORDS if (path := poses / f"{name}.png").exists()]


def pose_panels(
    poses: Path, reliability: Sequence[Mapping[str, Any]] = (), browsed: bool = False
) -> list[Panel]:
    """A panel for each picture there is, and the plot of the reliability where it was measured.

    Args:
        poses: the folder of the poses.
        reliability: groups of photos with their confidence, accuracy, median_error and count.
        browsed: leave out what the gallery shows.
    """
    files = [p for p in pose_files(poses) if not (browsed and p.stem in _BROWSED)]
    pictures = {path.stem: open_picture(path) for path in files}
    if reliability:
        pictures["reliability"] = draw_reliability(reliability)
    return [
        Panel(words.title, pictures[name], words.alt, words.caption, words.whole)
        for name, words in _WORDS.items()
        if name in pictures
    ]


def draw_reliability(groups: Sequence[Mapping[str, Any]]) -> Image.Image:
    """The plot of groups of photos with their confidence, accuracy, median_error and count."""
    names = ("confidence", "accuracy", "median_error", "count")
    return reliability_plot(*([group[name] for group in groups] for name in names))
