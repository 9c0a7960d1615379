"""Images beside the poses found for them, and what a batch says of those drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from mirage.core.contracts import IntArray, KeptArray, PoseLabels, PoseRing
from mirage.core.errors import MirageError

Batch = dict[str, Tensor]  # image [B, h, w, C] as kept, pose, azimuth (degrees), confidence [B]
Labels = dict[str, npt.NDArray[Any]]  # what a batch has but for its images


@dataclass(frozen=True)
class LabelledImages:
    """Images as the model's codec keeps them, and their poses.

    Attributes:
        pixels: [N, h, w, C], usually a memory map.
        labels: of the same N images.
        flipped: of their mirror images, which double the data; None leaves these out.
        mirrored: [N, h, w, C] the mirror images; None where turning `pixels` round makes them.
    """

    pixels: KeptArray
    labels: PoseLabels
    flipped: PoseLabels | None = None
    mirrored: KeptArray | None = None

    def check(self, ring: PoseRing) -> None:
        """Once, so that no step has to.

        Raises:
            MirageError: there are not as many labels as images, or a label is no place on the ring.
        """
        for labels in (self.labels, self.flipped):
            if labels is not None:
                _check_labels(labels, len(self.pixels), ring)


def _check_labels(labels: PoseLabels, num_images: int, ring: PoseRing) -> None:
    problem = ""
    if len(labels) != num_images:
        problem = f"{len(labels)} labels for {num_images} images"
    for name, pose in (("pose", labels.pose), ("topk", labels.topk)):
        wrong = (pose < 0) | (pose >= ring.num_poses)
        if wrong.any():
            problem = f"{name} {pose[wrong][0]} is not one of {ring.num_poses} poses"
    # A number just below 360 is 360 once it is rounded to fp32.
    for name, degrees in (("azimuth", labels.azimuth), ("ring.azimuth", ring.azimuth)):
        wrong = ~((degrees >= 0) & (degrees <= 360))
        if wrong.any():
            problem = f"{name} {degrees[wrong][0]} is not in [0, 360) degrees"
    if not ((labels.confidence >= 0) & (labels.confidence <= 1)).all():
        problem = "a confidence is not in [0, 1]"
    if problem:
        raise MirageError(
            f"the pose labels do not fit the images: {problem}",
            where="poses/labels.parquet",
            todo="run `mirage poses` again",
        )


def label_batch(
    images: LabelledImages,
    ring: PoseRing,
    ids: IntArray,
    column: IntArray,
    mirrored: npt.NDArray[np.bool_] | None = None,
) -> Labels:
    """What is said of the images `ids`, an array of any shape, which that of the result is too.

    Args:
        column: the candidate of each one's soft label that is told; 0 is the most likely.
        mirrored: which of them are shown as mirror images; None: none is.
    """
    upright = _label(images.labels, ring, ids, column)
    if mirrored is None or images.flipped is None:
        return upright
    flipped = _label(images.flipped, ring, ids, column)
    return {name: np.where(mirrored, flipped[name], value) for name, value in upright.items()}


def _label(labels: PoseLabels, ring: PoseRing, ids: IntArray, column: IntArray) -> Labels:
    pose = labels.topk[ids, column]
    azimuth = np.where(column == 0, labels.azimuth[ids], ring.azimuth[pose])
    return {
        "pose": pose.astype(np.int64),
        "azimuth": azimuth.astype(np.float32),
        "confidence": labels.confidence[ids].astype(np.float32),
    }
