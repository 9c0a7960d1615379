"""Batches of crops of photos, for what learns from patches of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import lightning
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from mirage.core.contracts import ByteArray, FloatArray, IntArray
from mirage.datamodules.batches import Batches, Loader, Share

_VALIDATED = 64  # held-out photos, at most
_AT_ONCE = 8  # whole photos in a batch of validation


@dataclass(frozen=True)
class PhotoSet:
    """Photos to learn from.

    Attributes:
        pixels: [N, H, W, 3] uint8, usually a memory map.
        train, held_out: which of the N are whose.
        share: of all crops; those of several sets add up to 1.
    """

    pixels: ByteArray
    train: IntArray
    held_out: IntArray
    share: float = 1.0


class CropBatches(Batches):
    """Item s is the batch of optimizer step s; what it holds depends on (seed, s) alone.

    A crop is a square of a photo, of a side between `size` and `zoom` times that, brought to
    `size`; half of all are mirrored. The batch of all processes is drawn together, and each takes
    its part.
    """

    def __init__(
        self, sets: Sequence[PhotoSet], size: int, zoom: float, share: Share, seed: int
    ) -> None:
        self.sets, self.size, self.zoom, self.share, self.seed = sets, size, zoom, share, seed

    def fetch(self, step: int) -> Tensor:
        """[B, size, size, 3] uint8."""
        rng, share = np.random.default_rng([self.seed, step]), self.share
        of_set = rng.choice(len(self.sets), share.total, p=[each.share for each in self.sets])
        uniform, flip = rng.random((share.total, 4)), rng.random(share.total) < 0.5
        mine = range(share.rank * share.batch_size, (share.rank + 1) * share.batch_size)
        crops = [self._crop(self.sets[of_set[i]], uniform[i], bool(flip[i])) for i in mine]
        return torch.from_numpy(np.stack(crops))

    def finish(self, fetched: Tensor) -> Tensor:
        return fetched  # the trainer brings it to the device

    def _crop(self, photos: PhotoSet, uniform: FloatArray, flip: bool) -> ByteArray:
        which, scale, x, y = uniform.tolist()
        photo = np.asarray(photos.pixels[photos.train[int(which * len(photos.train))]])
        height, width, _ = photo.shape
        side = min(self.size * (1 + (self.zoom - 1) * scale), width, height)
        left, top = x * (width - side), y * (height - side)
        square = Image.fromarray(photo).resize(
            (self.size, self.size), Image.Resampling.LANCZOS, (left, top, left + side, top + side)
        )
        crop = np.asarray(square)
        return np.ascontiguousarray(crop[:, ::-1]) if flip else crop


class _WholePhotos(Batches):
    """Photos as they are."""

    def __init__(self, pixels: ByteArray, batches: Sequence[IntArray]) -> None:
        self.pixels, self.batches = pixels, batches

    def fetch(self, item: int) -> Tensor:
        return torch.from_numpy(self.pixels[self.batches[item]])

    def finish(self, fetched: Tensor) -> Tensor:
        return fetched


class CroppedPhotos(lightning.LightningDataModule):
    """Crops by step, and whole held-out photos of the first set for validation.

    Args:
        crop: their side, pixels. zoom: as of `CropBatches`.
        batch_size: of one process.
        num_steps: optimizer steps of the whole training.
    """

    def __init__(
        self,
        sets: Sequence[PhotoSet],
        crop: int,
        zoom: float,
        batch_size: int,
        num_steps: int,
        seed: int,
    ) -> None:
        super().__init__()
        self.sets, self.crop, self.zoom, self.batch_size = sets, crop, zoom, batch_size
        self.num_steps, self.seed = num_steps, seed

    @cached_property
    def _place(self) -> tuple[int, int]:
        """This process's number, and of how many."""
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)

    def train_dataloader(self) -> Loader:
        """Steps from the trainer's current one on, so a resumed run repeats none."""
        trainer, share = self.trainer, Share(self.batch_size, *self._place)
        batches = CropBatches(self.sets, self.crop, self.zoom, share, self.seed)
        ahead = trainer is not None and trainer.strategy.root_device.type != "cpu"
        return Loader(
            batches, self.num_steps, lambda: trainer.global_step if trainer else 0, ahead=ahead
        )

    def val_dataloader(self) -> Loader:
        """Up to 64 photos drawn by the seed, to each process as many."""
        photos, (rank, world) = self.sets[0], self._place
        chosen = np.random.default_rng([self.seed]).permutation(photos.held_out)[:_VALIDATED]
        mine = np.resize(chosen, -(-len(chosen) // world) * world)[rank::world]
        parts = np.array_split(mine, -(-len(mine) // _AT_ONCE))
        return Loader(_WholePhotos(photos.pixels, parts), len(parts), ahead=False)
