"""Labels gone wrong on purpose, to measure what wrong labels do to a training.

Wrong labels drawn at random would be as sure of themselves as right ones, which those of a pose
bank are not. So photos are spoiled until the bank misreads them, and what it then says of them,
with its confidence and its other candidates, takes the place of what it said before.
"""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F

from mirage.core.angles import circular_distance
from mirage.core.contracts import ByteArray, IntArray, PoseLabels
from mirage.core.errors import MirageError
from mirage.core.progress import show_progress
from mirage.features.backbone import Backbone
from mirage.images.image_set import ImageSet
from mirage.poses.bank import PoseBank

log = logging.getLogger(__name__)

_WRONG = 30.0  # degrees from what the photo itself is read as
_SIDES = (4, 12)  # pixels a side that a spoiled photo is left with
_NOISE = 40.0  # standard deviation, of 255


def corrupt(
    labels: PoseLabels,
    share: float,
    ids: IntArray,
    images: ImageSet,
    backbone: Backbone,
    bank: PoseBank,
    seed: int,
) -> PoseLabels:
    """The labels with `share` of those of the photos `ids` misread.

    No label is called an outlier: what is wrong is not to be left out of the training.

    Raises:
        MirageError: the bank cannot be misled so often.
    """
    wanted = round(share * len(ids))
    rng = np.random.default_rng([seed, 2])
    found: list[PoseLabels] = []
    which: list[IntArray] = []
    batch = backbone.config.batch_size
    order = rng.permutation(ids)
    for rows in show_progress(
        np.array_split(order, -(-len(order) // batch)), "misread", -(-len(order) // batch)
    ):
        if sum(map(len, which)) >= wanted:
            break
        photos = np.stack([images.load_square(int(i), backbone.size) for i in rows])
        read = bank.assign(backbone(spoil(photos, rng)))
        wrong = circular_distance(read.azimuth, labels.azimuth[rows]) > _WRONG
        which.append(rows[wrong])
        found.append(read.take(np.flatnonzero(wrong)))
    changed = np.concatenate(which)[:wanted] if which else np.zeros(0, np.int64)
    if len(changed) < wanted:
        raise MirageError(
            f"{len(changed)} photos are misread when spoiled, not the {wanted} asked for",
            where="configuration key data.label_noise",
            todo="ask for a smaller share",
        )
    if not wanted:
        return labels
    wrong_labels = PoseLabels.join(found).take(np.arange(wanted))
    log.info(
        f"labels: {wanted} of {len(ids)} training photos misread, mean confidence "
        f"{wrong_labels.confidence.mean():.2f} (all photos before: {labels.confidence.mean():.2f})"
    )
    changed_labels = labels.with_rows(changed, wrong_labels)
    outlier = changed_labels.outlier.copy()
    outlier[changed] = False
    return replace(changed_labels, outlier=outlier)


def spoil(photos: ByteArray, rng: np.random.Generator) -> ByteArray:
    """[B, H, W, 3] uint8 photos, each shrunk to a few noisy pixels and enlarged again."""
    size = photos.shape[1:3]
    spoiled = []
    for photo in photos:
        side = int(rng.integers(*_SIDES, endpoint=True))
        x = torch.from_numpy(np.ascontiguousarray(photo)).permute(2, 0, 1)[None].float()
        small = F.interpolate(x, (side, side), mode="bilinear", antialias=True)
        small = small + _NOISE * torch.from_numpy(rng.standard_normal(small.shape)).float()
        large = F.interpolate(small, size, mode="bilinear")
        spoiled.append(large[0].permute(1, 2, 0).round().clamp(0, 255).byte().numpy())
    return np.stack(spoiled)
