"""What is logged to W&B, and under which names: the one list of them.

Names are stable: what reads them elsewhere may rely on them. docs/dashboards.md shows this list.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from mirage.metrics.registry import AUTOENCODER as OF_AUTOENCODERS
from mirage.metrics.registry import FEATURE_DISTANCE, METRICS

STEP = "trainer/global_step"

# W&B's job types.
AUTOENCODER, POSES, TRAIN = "autoencoder", "poses", "train"
VIEWS, SHAPE, EVALUATE = "views", "shape", "evaluate"


@dataclass(frozen=True)
class Logged:
    """One name, or those of one pattern.

    Attributes:
        name: words in capitals stand for any.
        jobs: the job types of the W&B runs that have it.
        kind: number | picture | films | objects | table.
        meaning: with the unit.
        summary: what W&B keeps of a number that is logged again and again, in its words.
    """

    name: str
    jobs: tuple[str, ...]
    kind: str
    meaning: str
    summary: str = ""

    def matches(self, name: str) -> bool:
        """Whether `name` is this one, or one of the pattern."""
        parts = (r"[\w/]+" if part.isupper() else re.escape(part) for part in _split(self.name))
        return re.fullmatch("".join(parts), name) is not None


def _split(pattern: str) -> list[str]:
    return re.split(r"\b([A-Z]+)\b", pattern)


def _best(metric: str) -> str:
    """What W&B keeps of a metric that is logged again and again."""
    return {"up": "max,last", "down": "min,last", "none": "last"}[METRICS[metric].better]


LOGGED = (
    Logged(
        STEP,
        (AUTOENCODER, POSES, TRAIN, VIEWS, SHAPE, EVALUATE),
        "number",
        "optimizer steps of the model: the axis of all; 0 where there is none",
    ),
    Logged("epoch", (AUTOENCODER, TRAIN), "number", "passes over the photos"),
    Logged(
        "train/loss",
        (AUTOENCODER, TRAIN),
        "number",
        "what is minimised, mean over ten steps and all processes: the weighted denoising "
        "error, or an autoencoder's error",
        "min,last",
    ),
    Logged(
        "train/pair_loss",
        (TRAIN,),
        "number",
        "the denoising error on pairs of a photo and a view of it, in the second part",
        "min,last",
    ),
    Logged(
        "train/discriminator_loss",
        (AUTOENCODER,),
        "number",
        "how badly photos are told from decoded ones; 2: not at all",
        "last",
    ),
    Logged("train/learning_rate", (AUTOENCODER, TRAIN), "number", "of the optimizer", "last"),
    Logged(
        "train/images_per_second",
        (AUTOENCODER, TRAIN),
        "number",
        "of all processes together, over ten steps, without validation",
        "last",
    ),
    Logged(
        "val/loss", (AUTOENCODER, TRAIN), "number", "the same error on held-out photos", "min,last"
    ),
    *(
        Logged(
            f"autoencoder/{metric.name}",
            (AUTOENCODER,),
            "number",
            f"of held-out photos, {metric.unit or metric.bounds}"
            + "; where the backbone can be had" * (metric == FEATURE_DISTANCE),
        )
        for metric in OF_AUTOENCODERS
    ),
    Logged(
        "autoencoder/reconstructions",
        (AUTOENCODER,),
        "picture",
        "held-out photos, and below them what becomes of them",
    ),
    Logged(
        "views/target_pose_accuracy",
        (TRAIN, VIEWS),
        "number",
        "share of views that the bank reads as the pose asked for",
        _best("target_pose_accuracy"),
    ),
    Logged(
        "views/azimuth_error",
        (TRAIN, VIEWS),
        "number",
        "mean over views, degrees from the azimuth asked for to the one read",
        _best("azimuth_error"),
    ),
    Logged(
        "views/colour_distance",
        (TRAIN, VIEWS),
        "number",
        "mean over views, of their colours to the photo's, 0 to 1",
        _best("colour_distance"),
    ),
    Logged("views/orbits", (TRAIN, VIEWS), "picture", "a row a reference: the photo, its views"),
    Logged("views/turning", (TRAIN, VIEWS), "films", "a GIF a reference"),
    Logged("views/review", (TRAIN, VIEWS), "table", "a row a view, with its pictures and scores"),
    Logged(
        "shape/silhouette_iou",
        (SHAPE,),
        "number",
        "mean over objects, of their silhouettes with those of the views, 0 to 1",
    ),
    Logged(
        "shape/colour_error",
        (SHAPE,),
        "number",
        "mean over objects, difference of colour from the views, 0 to 1",
    ),
    Logged("shape/turning", (SHAPE,), "films", "a GIF an object"),
    Logged("shape/objects", (SHAPE,), "objects", "meshes to drag"),
    Logged("poses/num_images", (POSES,), "number", "photos that have a label"),
    Logged("poses/num_poses", (POSES,), "number", "poses found"),
    Logged("poses/ring_score", (POSES,), "number", "near 1 where the poses close a circle, 0 to 1"),
    Logged("poses/mean_confidence", (POSES,), "number", "of the labels, 0 to 1"),
    Logged("poses/outliers", (POSES,), "number", "photos unlike the others"),
    Logged("poses/ring", (POSES, TRAIN), "picture", "the poses in order round the circle"),
    Logged("poses/montage", (POSES, TRAIN), "picture", "photos of each pose"),
    Logged("poses/parts", (POSES, TRAIN), "picture", "photos with their parts and foreground"),
    Logged("poses/part_masks", (POSES, TRAIN), "picture", "the most frequent parts, one a row"),
    Logged("poses/pairs", (POSES, TRAIN), "picture", "each pose above its mirror pose"),
    Logged("poses/sizes", (POSES, TRAIN), "picture", "photos a pose"),
    Logged(
        "poses/stability",
        (POSES, TRAIN),
        "picture",
        "why so many poses, where their number was chosen",
    ),
    Logged("poses/doubts", (POSES, TRAIN), "picture", "the least confident photos, and outliers"),
    Logged(
        "evaluate/poses/FIGURE",
        (TRAIN, EVALUATE),
        "number",
        "poses on fresh photos, as in `evaluate/figures.json`",
    ),
    Logged(
        "evaluate/views/MODE/FIGURE",
        (TRAIN, EVALUATE),
        "number",
        "views of one mode or baseline, as there",
    ),
    Logged(
        "evaluate/reliability", (TRAIN, EVALUATE), "picture", "what a label's confidence is worth"
    ),
    Logged(
        "evaluate/table", (TRAIN, EVALUATE), "table", "a row a mode or baseline, a column a figure"
    ),
    Logged(
        "evaluate/differences",
        (TRAIN, EVALUATE),
        "table",
        "a row a figure of two modes: what one adds to the other, with the 95% interval",
    ),
)


def named(name: str) -> str:
    """The name, where it is one of those that are logged.

    Raises:
        KeyError: it is not.
    """
    if not any(item.matches(name) for item in LOGGED):
        raise KeyError(name)
    return name


def define(run: Any) -> None:
    """Tell a W&B run the axis of its numbers, and what to keep of each."""
    for item in LOGGED:
        if item.summary:
            run.define_metric(item.name, step_metric=STEP, summary=item.summary)


def to_name(words: str) -> str:
    """Words as part of a name: W&B sorts and filters by letters, digits and underscores."""
    return re.sub(r"\W+", "_", words)


def as_markdown() -> str:
    """The list, as the docs show it."""
    lines = ["| name | in runs of | is | what | kept in the summary |", "|---|---|---|---|---|"]
    lines += [
        f"| `{item.name}` | {', '.join(item.jobs)} | {item.kind} | {item.meaning} "
        f"| {item.summary.replace(',', ', ')} |"
        for item in LOGGED
    ]
    return "\n".join(lines)
