"""The best that can be done without a model: for each view, a photo that training has seen.

Of the training photos labelled with the pose asked for, the one whose colours are nearest to the
reference's. Colours, since they hardly depend on the pose, and can be compared at the model's
resolution; what they cannot tell is the shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mirage.core.angles import circular_distance
from mirage.core.contracts import TRAIN, ByteArray, FloatArray, IntArray, PoseLabels, PoseRing
from mirage.core.progress import show_progress
from mirage.images.image_set import ImageSet
from mirage.metrics.views import colour_sketch

_MOST = 200  # photos of a pose that are looked through, drawn at random: bounds time and memory
_BATCH = 256  # photos decoded at once


@dataclass(frozen=True)
class NearestPhotos:
    """Training photos to choose views from.

    Attributes:
        photos: [N, H, W, 3] uint8, at the model's resolution.
        sketch: [N, S] of their colours.
        candidates: for each of V views, rows of `photos`, at least one.
    """

    photos: ByteArray
    sketch: FloatArray
    candidates: Sequence[IntArray]

    @classmethod
    def gather(
        cls,
        images: ImageSet,
        labels: PoseLabels,
        ring: PoseRing,
        asked: IntArray,
        side: int,
        seed: int,
    ) -> NearestPhotos:
        """Read the training photos that have one of the poses asked for.

        A pose that no training photo has is stood in for by the nearest one on the ring that some
        have.

        Args:
            labels: of all images.
            asked: [V] the pose of each view.
            side: the model's resolution, pixels.
            seed: of the draw where a pose has more photos than are looked through.
        """
        trained = images.ids(TRAIN)
        pose = labels.pose[trained]
        seen = np.unique(pose)
        away = circular_distance(ring.azimuth[asked][:, None], ring.azimuth[seen][None])
        stand_in = seen[away.argmin(axis=1)]
        rng = np.random.default_rng(seed)
        chosen = {int(k): rng.permutation(trained[pose == k])[:_MOST] for k in np.unique(stand_in)}
        ids = np.sort(np.concatenate(list(chosen.values())))
        photos, sketches = [], []
        batches = images.batches(ids, side, _BATCH)
        for _, batch in show_progress(batches, "training photos", -(-len(ids) // _BATCH)):
            photos.append(batch)
            sketches.append(colour_sketch(batch))
        candidates = [np.searchsorted(ids, np.sort(chosen[int(k)])) for k in stand_in]
        return cls(np.concatenate(photos), np.concatenate(sketches), candidates)

    def views(self, reference: ByteArray) -> ByteArray:
        """[H, W, 3] uint8 → [V, H, W, 3] uint8, a training photo for each view."""
        wanted = colour_sketch(reference[None])
        chosen = [
            int(rows[np.abs(self.sketch[rows] - wanted).mean(axis=1).argmin()])
            for rows in self.candidates
        ]
        return self.photos[chosen]
