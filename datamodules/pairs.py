"""Batches of photos beside views of the same objects that a model made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from datamodules.posed import Batch, PosedBatches, PosedImages, mirror_some, posed_batch
from mirage.contracts import IntArray, KeptArray, PoseLabels


@dataclass(frozen=True)
class TurnedPhotos:
    """Views that a model made of training photos, one each.

    Attributes:
        pixels: [M, h, w, C] as the model's codec keeps images, usually a memory map.
        ids: [M] the photo that each was made of.
        labels: of the M views: what was asked for.
        flipped: of their mirror images, or None where those are not used.
        mirrored: [M, h, w, C] the mirror images; None where turning `pixels` round makes them.
    """

    pixels: KeptArray
    ids: IntArray
    labels: PoseLabels
    flipped: PoseLabels | None
    mirrored: KeptArray | None = None


class PairedBatches(Dataset[dict[str, Any]]):
    """Item s is the batch of optimizer step s: posed photos, and pairs of a photo and its view.

    The batch has as many pairs as photos by themselves. Where mirror images are used, a pair is
    mirrored as one: what the two show stays one object.

    Args:
        alone: the photos by themselves; tells photos, labels, seed, rank and batch size.
    """

    def __init__(self, alone: PosedBatches, turned: TurnedPhotos) -> None:
        self.alone, self.turned = alone, turned
        self.mirrored = turned.pixels[:, :, ::-1] if turned.mirrored is None else turned.mirrored

    def __len__(self) -> int:
        return len(self.alone)

    def __getitem__(self, step: int) -> dict[str, Any]:
        """Keys of `Batch`, and pair: photo and view, each a `Batch`."""
        alone, turned = self.alone, self.turned
        rng = np.random.default_rng([alone.seed, step, 1])
        total = alone.batch_size * alone.world_size
        mine = slice(alone.rank * alone.batch_size, (alone.rank + 1) * alone.batch_size)
        drawn = rng.integers(len(turned.ids), size=total)[mine]
        flip = rng.random(total)[mine] < 0.5
        pair = {
            "photo": self._take(
                alone.pixels, alone.mirrored, alone.labels, alone.flipped, turned.ids[drawn], flip
            ),
            "view": self._take(
                turned.pixels, self.mirrored, turned.labels, turned.flipped, drawn, flip
            ),
        }
        return alone[step] | {"pair": pair}

    def _take(
        self, pixels: KeptArray, mirrored: KeptArray, labels: PoseLabels,
        flipped: PoseLabels | None, ids: IntArray, flip: Any,
    ) -> Batch:  # fmt: skip
        likeliest = np.zeros_like(ids)
        batch = posed_batch(pixels, labels, self.alone.ring, ids, likeliest)
        if flipped is None:
            return batch
        other = posed_batch(mirrored, flipped, self.alone.ring, ids, likeliest)
        return mirror_some(batch, other, flip)


class PairedImages(PosedImages):
    """`PosedImages` whose training batches are half photos by themselves and half pairs."""

    def __init__(self, turned: TurnedPhotos, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.turned = turned
        self.batch_size = max(1, self.batch_size // 2)

    def batches(self) -> Dataset[Any]:
        """As `PosedImages`, with pairs."""
        alone = super().batches()
        assert isinstance(alone, PosedBatches)
        return PairedBatches(alone, self.turned)
