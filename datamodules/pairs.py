"""Batches of photos beside views of the same objects that a model made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch.utils.data import Dataset

from datamodules.labelled import Batch, LabelledImages, posed_batch
from datamodules.posed import PosedBatches, PosedImages
from mirage.contracts import IntArray


@dataclass(frozen=True)
class TurnedPhotos:
    """Views that a model made of training photos, one each.

    Attributes:
        views: the M views, labelled with what was asked for.
        ids: [M] the photo that each was made of.
    """

    views: LabelledImages
    ids: IntArray


class PairedBatches(Dataset[dict[str, Any]]):
    """Item s is the batch of optimizer step s: posed photos, and pairs of a photo and its view.

    The batch has as many pairs as photos by themselves. Where mirror images are used, a pair is
    mirrored as one: what the two show stays one object.

    Args:
        alone: the photos by themselves; tells photos, labels, seed, rank and batch size.
    """

    def __init__(self, alone: PosedBatches, turned: TurnedPhotos) -> None:
        self.alone, self.turned = alone, turned

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
            "photo": self._take(alone.images, turned.ids[drawn], flip),
            "view": self._take(turned.views, drawn, flip),
        }
        return alone[step] | {"pair": pair}

    def _take(self, images: LabelledImages, ids: IntArray, flip: npt.NDArray[np.bool_]) -> Batch:
        return posed_batch(images, self.alone.ring, ids, np.zeros_like(ids), flip)


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
