"""Batches of crops of photos, for what learns from patches of them."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from mirage.contracts import ByteArray, FloatArray, IntArray


class CropBatches:
    """Item s is the batch of optimizer step s; what it holds depends on (seed, s) alone.

    A crop is a square of a photo, of a side between `size` and `zoom` times that, brought to
    `size`; half of all are mirrored. The batch of all processes is drawn together, and each takes
    its part.

    Args:
        photos: [N, H, W, 3] uint8, usually a memory map. ids: the photos to draw from.
        batch_size: of this process. rank, world_size: its place among all.
    """

    def __init__(
        self, photos: ByteArray, ids: IntArray, size: int, zoom: float, batch_size: int, seed: int,
        rank: int = 0, world_size: int = 1,
    ) -> None:  # fmt: skip
        self.photos, self.ids, self.size, self.zoom = photos, ids, size, zoom
        self.batch_size, self.seed = batch_size, seed
        self.rank, self.world_size = rank, world_size

    def __getitem__(self, step: int) -> Tensor:
        """[B, size, size, 3] uint8."""
        rng = np.random.default_rng([self.seed, step])
        total = self.batch_size * self.world_size
        drawn = rng.choice(self.ids, total)
        uniform, flip = rng.random((total, 3)), rng.random(total) < 0.5
        mine = range(self.rank * self.batch_size, (self.rank + 1) * self.batch_size)
        crops = [self._crop(int(drawn[i]), uniform[i], bool(flip[i])) for i in mine]
        return torch.from_numpy(np.stack(crops))

    def _crop(self, image_id: int, uniform: FloatArray, flip: bool) -> ByteArray:
        photo = np.asarray(self.photos[image_id])
        height, width, _ = photo.shape
        scale, x, y = uniform.tolist()
        side = min(self.size * (1 + (self.zoom - 1) * scale), width, height)
        left, top = x * (width - side), y * (height - side)
        square = Image.fromarray(photo).resize(
            (self.size, self.size), Image.Resampling.LANCZOS, (left, top, left + side, top + side)
        )
        crop = np.asarray(square)
        return np.ascontiguousarray(crop[:, ::-1]) if flip else crop
