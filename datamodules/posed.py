"""Batches of images with the poses found for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import lightning
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from datamodules.balance import balanced_probabilities
from datamodules.epochs import Epochs
from mirage.contracts import FloatArray, IntArray, KeptArray, PoseLabels, PoseRing

Batch = dict[str, Tensor]  # image [B, h, w, C] as kept, pose, azimuth (degrees), confidence [B]


class PosedBatches(Dataset[Batch]):
    """Item s is the batch of optimizer step s; what it holds depends on (seed, s) alone.

    The batch of all ranks is drawn together and each takes its part, so the number of ranks does
    not change what a step sees. Images are drawn in `Epochs`, or with their probabilities, each
    draw by itself: then there are no epochs. Each label is drawn from its soft top-k: the most
    likely pose with the image's own azimuth, or another candidate with that pose's azimuth on the
    ring. Where the labels of mirror images are known, half of the images are drawn as these.

    Args:
        pixels: [N, h, w, C] as the model's codec keeps images, usually a memory map.
        labels: of the same N images. flipped: of their mirror images, or None.
        mirrored: [N, h, w, C] the mirror images; None where turning `pixels` round makes them.
        ids: the images to draw from. probabilities: of them; None draws in epochs.
        batch_size: of this rank.
        soft_labels: false takes each image's likeliest candidate.
    """

    def __init__(
        self,
        pixels: KeptArray,
        labels: PoseLabels,
        flipped: PoseLabels | None,
        ring: PoseRing,
        ids: IntArray,
        probabilities: FloatArray | None,
        batch_size: int,
        num_steps: int,
        seed: int,
        rank: int,
        world_size: int,
        mirrored: KeptArray | None = None,
        soft_labels: bool = True,
    ) -> None:
        self.soft_labels = soft_labels
        self.pixels, self.labels, self.flipped, self.ring = pixels, labels, flipped, ring
        self.mirrored = pixels[:, :, ::-1] if mirrored is None else mirrored
        self.ids, self.epochs = ids, Epochs(ids, seed)
        self.probabilities, self.batch_size, self.num_steps = probabilities, batch_size, num_steps
        self.seed, self.rank, self.world_size = seed, rank, world_size

    def __len__(self) -> int:
        return self.num_steps

    def __getitem__(self, step: int) -> Batch:
        rng = np.random.default_rng([self.seed, step])
        total = self.batch_size * self.world_size
        if self.probabilities is None:
            drawn = self.epochs[step * total : (step + 1) * total]
        else:
            drawn = rng.choice(self.ids, size=total, p=self.probabilities)
        uniform = rng.random(total) if self.soft_labels else np.zeros(total)
        column = _draw_columns(self.labels.topk_weight[drawn], uniform)
        mine = slice(self.rank * self.batch_size, (self.rank + 1) * self.batch_size)
        batch = posed_batch(self.pixels, self.labels, self.ring, drawn[mine], column[mine])
        if self.flipped is None:
            return batch
        mirrored = posed_batch(self.mirrored, self.flipped, self.ring, drawn[mine], column[mine])
        return mirror_some(batch, mirrored, rng.random(total)[mine] < 0.5)


def _draw_columns(weights: FloatArray, uniform: FloatArray) -> IntArray:
    """[B] column of each row of `weights` [B, T], drawn with those probabilities."""
    cumulative = weights.cumsum(axis=1)
    columns: IntArray = (uniform[:, None] * cumulative[:, -1:] >= cumulative).sum(axis=1)
    return np.minimum(columns, weights.shape[1] - 1)


def posed_batch(
    pixels: KeptArray, labels: PoseLabels, ring: PoseRing, ids: IntArray, column: IntArray
) -> Batch:
    """The images `ids` with the candidate `column` of their soft labels (0: the most likely)."""
    pose = labels.topk[ids, column]
    azimuth = np.where(column == 0, labels.azimuth[ids], ring.azimuth[pose])
    return {
        "image": torch.from_numpy(pixels[ids]),
        "pose": torch.from_numpy(pose.astype(np.int64)),
        "azimuth": torch.from_numpy(azimuth.astype(np.float32)),
        "confidence": torch.from_numpy(labels.confidence[ids].astype(np.float32)),
    }


def mirror_some(batch: Batch, mirrored: Batch, flip: npt.NDArray[np.bool_]) -> Batch:
    """The batch with the rows of `mirrored`, its mirror images, where `flip` [B] holds."""
    chosen = torch.from_numpy(flip)
    return {
        name: torch.where(chosen.view(-1, *[1] * (value.ndim - 1)), mirrored[name], value)
        for name, value in batch.items()
    }


class _HeldoutBatches(Dataset[Batch]):
    """Held-out images in order, with their most likely labels."""

    def __init__(
        self,
        pixels: KeptArray,
        labels: PoseLabels,
        ring: PoseRing,
        batches: Sequence[tuple[npt.NDArray[Any], ...]],
    ) -> None:
        self.pixels, self.labels, self.ring, self.batches = pixels, labels, ring, batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, item: int) -> Batch:
        ids, counts = self.batches[item]
        batch = posed_batch(self.pixels, self.labels, self.ring, ids, np.zeros_like(ids))
        return batch | {"counts": torch.from_numpy(counts.astype(np.float32))}


class _StepsFrom(Sampler[int]):
    """The steps still to do when an epoch begins.

    Args:
        current: tells the step that training has come to.
        total: steps of the whole training. It is the length too: Lightning goes on counting where
            the checkpoint stopped, and would end the epoch early on a count of what is left.
    """

    def __init__(self, current: Callable[[], int], total: int) -> None:
        self.current, self.total = current, total

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.current(), self.total))

    def __len__(self) -> int:
        return self.total


class PosedImages(lightning.LightningDataModule):
    """Training batches by step, balanced over poses, and held-out batches for validation.

    Args:
        pixels: [N, h, w, C] as the model's codec keeps images. labels: of the N images.
        ring: the poses' azimuths.
        flipped: labels of the images' mirror images, which double the data; None leaves them out.
        mirrored: [N, h, w, C] the mirror images; None where turning `pixels` round makes them.
        train_ids, heldout_ids: which of the N images are whose.
        balance: 0 draws every image once an epoch; above 0, see `balanced_probabilities`.
        num_steps: optimizer steps of the whole training.
        soft_labels: whether an image's pose is drawn from its candidates.
    """

    def __init__(
        self,
        pixels: KeptArray,
        labels: PoseLabels,
        ring: PoseRing,
        train_ids: IntArray,
        heldout_ids: IntArray,
        batch_size: int,
        balance: float,
        num_steps: int,
        seed: int,
        workers: int = 0,
        flipped: PoseLabels | None = None,
        mirrored: KeptArray | None = None,
        soft_labels: bool = True,
    ) -> None:
        super().__init__()
        self.mirrored, self.soft_labels = mirrored, soft_labels
        self.pixels, self.labels, self.ring, self.flipped = pixels, labels, ring, flipped
        self.train_ids, self.heldout_ids = train_ids, heldout_ids
        self.batch_size, self.balance, self.num_steps = batch_size, balance, num_steps
        self.seed, self.workers = seed, workers

    def train_dataloader(self) -> DataLoader[Any]:
        """Steps from the trainer's current one on, so a resumed run repeats none."""
        trainer = self.trainer
        sampler = _StepsFrom(lambda: trainer.global_step if trainer else 0, self.num_steps)
        return DataLoader(self.batches(), None, sampler=sampler, num_workers=self.workers)

    def batches(self) -> Dataset[Any]:
        """Item s is what this rank trains on at optimizer step s."""
        probabilities = None
        if self.balance > 0:
            pose = self.labels.pose[self.train_ids]
            probabilities = balanced_probabilities(pose, self.ring.num_poses, self.balance)
        return PosedBatches(
            self.pixels, self.labels, self.flipped, self.ring, self.train_ids, probabilities,
            self.batch_size, self.num_steps, self.seed, *self.place, self.mirrored,
            self.soft_labels,
        )  # fmt: skip

    @property
    def place(self) -> tuple[int, int]:
        """This process's rank and how many there are."""
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)

    def val_dataloader(self) -> DataLoader[Any]:
        """Up to 512 held-out images, each process an equal run of every batch of all.

        What is repeated to share them out evenly has `counts` 0, all else 1.
        """
        rank, world_size = self.place
        chosen = self.heldout_ids[:512]
        even = np.resize(chosen, -(-len(chosen) // world_size) * world_size)
        counts = np.arange(len(even)) < len(chosen)
        total = self.batch_size * world_size
        batches = [
            tuple(np.array_split(x[i : i + total], world_size)[rank] for x in (even, counts))
            for i in range(0, len(even), total)
        ]
        held = _HeldoutBatches(self.pixels, self.labels, self.ring, batches)
        return DataLoader(held, batch_size=None)
