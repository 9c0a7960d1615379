"""A seeded sample of photos whose patch features are kept, however many photos stream by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mirage.contracts import FloatArray
from mirage.errors import MirageError
from mirage.features.backbone import Backbone
from mirage.features.extract import ImageBatch


@dataclass(frozen=True)
class FeatureSample:
    """Patch features of n photos.

    Attributes:
        features: [n, h, w, C] fp16, each of unit length.
        row_of: photo id → row of `features`.
        num_seen: photos that streamed by.
    """

    features: npt.NDArray[np.float16]
    row_of: dict[int, int]
    num_seen: int


def sample_features(
    batches: Iterable[ImageBatch], backbone: Backbone, num_patches: int, seed: int
) -> FeatureSample:
    """Keep whole photos, drawn evenly, until `num_patches` patches are filled.

    A reservoir (Vitter 1985, algorithm R): the number of photos need not be known, and only
    photos that enter the sample pass through the backbone.

    Raises:
        MirageError: no photo streamed by.
    """
    rows, cols = backbone.grid
    capacity = max(1, num_patches // (rows * cols))
    random = np.random.default_rng(seed)
    kept: list[FloatArray] = []
    ids: list[int] = []
    num_seen = 0
    for batch_ids, images in batches:
        slot_of: dict[int, int] = {}  # slot → position in the batch; the last one to enter stays
        for position in range(len(batch_ids)):
            slot = num_seen if num_seen < capacity else int(random.integers(num_seen + 1))
            num_seen += 1
            if slot < capacity:
                slot_of[slot] = position
        if not slot_of:
            continue
        positions = list(slot_of.values())
        features = backbone(images[positions]).cpu().numpy().astype(np.float16)
        for slot, position, feature in zip(slot_of, positions, features, strict=True):
            if slot < len(kept):
                kept[slot], ids[slot] = feature, int(batch_ids[position])
            else:
                kept.append(feature)
                ids.append(int(batch_ids[position]))
    if not kept:
        raise MirageError("there are no photos to look at", where="poses")
    row_of = {image_id: row for row, image_id in enumerate(ids)}
    return FeatureSample(np.stack(kept), row_of, num_seen)
