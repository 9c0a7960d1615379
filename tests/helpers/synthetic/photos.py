"""Photos of one colour each, and a network and a bank that read them: what stages are tested on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import SimpleNamespace

import numpy as np
import torch

from mirage.core.angles import wrap
from mirage.core.contracts import HELDOUT, TRAIN, ByteArray, IntArray, PoseLabels, PoseRing

NUM_POSES = 4


def flat_photo(colour: Sequence[int], side: int = 16) -> ByteArray:
    """[side, side, 3] uint8, all of one colour."""
    return np.full((side, side, 3), colour, dtype=np.uint8)


class MadeUpImages:
    """Stands in for an ImageSet: photos of one colour each; the last `held_out` are held out."""

    def __init__(self, colours: Sequence[Sequence[int]], held_out: int) -> None:
        self._colours, self._held_out = colours, held_out
        self.path = np.array([f"{i}.png" for i in range(len(colours))], dtype=object)
        self.object_id = np.array([f"object {i // 2}" for i in range(len(colours))], dtype=object)

    def __len__(self) -> int:
        return len(self._colours)

    def ids(self, split: str) -> IntArray:
        every = np.arange(len(self._colours))
        return {TRAIN: every[: -self._held_out], HELDOUT: every[-self._held_out :]}[split]

    def batches(
        self, ids: IntArray, size: int, batch_size: int
    ) -> Iterator[tuple[IntArray, ByteArray]]:
        for start in range(0, len(ids), batch_size):
            part = ids[start : start + batch_size]
            yield part, np.stack([flat_photo(self._colours[i], size) for i in part])


class MadeUpBackbone:
    """Stands in for a Backbone: a patch's feature is the direction of its mean colour."""

    config = SimpleNamespace(name="made_up", batch_size=3)
    size, dim = 16, 4

    def __call__(self, images: ByteArray) -> torch.Tensor:
        pixels = torch.as_tensor(np.array(images)).permute(0, 3, 1, 2).float() / 255
        cells = torch.nn.functional.adaptive_avg_pool2d(pixels, 2).permute(0, 2, 3, 1)
        joined = torch.cat([cells, torch.ones_like(cells[..., :1])], dim=-1)
        return torch.nn.functional.normalize(joined, dim=-1)


class MadeUpBank:
    """Stands in for a PoseBank: the redder, the further round the circle."""

    ring = PoseRing(np.arange(NUM_POSES) * 90.0, 1.0)

    def masks(self, features: torch.Tensor) -> torch.Tensor:
        """All of a photo is its object."""
        return torch.ones(features.shape[:3])

    def assign(self, features: torch.Tensor) -> PoseLabels:
        azimuth = wrap(features[..., 0].mean(dim=(1, 2)).numpy().astype(float) * 400)
        return labels_of((azimuth / 90 + 0.5).astype(int) % NUM_POSES, azimuth)


def labels_of(pose: IntArray, azimuth: np.ndarray | None = None) -> PoseLabels:
    """Sure labels: each photo has the pose given, and that pose's azimuth by default."""
    pose = np.asarray(pose)
    count = len(pose)
    return PoseLabels(
        pose,
        np.ones(count),
        pose * 90.0 if azimuth is None else azimuth,
        pose[:, None],
        np.ones((count, 1)),
        np.zeros(count, bool),
    )
