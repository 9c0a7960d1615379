"""Batches of images with the poses found for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import lightning
import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from datamodules.balance import balanced_probabilities
from datamodules.epochs import Epochs
from datamodules.labelled import Batch, LabelledImages, posed_batch
from mirage.contracts import FloatArray, IntArray, PoseRing


class PosedBatches(Dataset[Batch]):
    """Item s is the batch of optimizer step s; what it holds depends on (seed, s) alone.

    The batch of all ranks is drawn together and each takes its part, so the number of ranks does
    not change what a step sees. Images are drawn in `Epochs`, or with their probabilities, each
    draw by itself: then there are no epochs. Each label is drawn from its soft top-k: the most
    likely pose with the image's own azimuth, or another candidate with that pose's azimuth on the
    ring. Where the labels of mirror images are known, half of the images are drawn as these.

    Args:
        ids: the images to draw from. probabilities: of them; None draws in epochs.
        batch_size: of this rank.
        soft_labels: false takes each image's likeliest candidate.
    """

    def __init__(
        self,
        images: LabelledImages,
        ring: PoseRing,
        ids: IntArray,
        probabilities: FloatArray | None,
        batch_size: int,
        num_steps: int,
        seed: int,
        rank: int,
        world_size: int,
        soft_labels: bool = True,
    ) -> None:
        self.images, self.ring, self.soft_labels = images, ring, soft_labels
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
        column = _draw_columns(self.images.labels.topk_weight[drawn], uniform)
        flip = rng.random(total) < 0.5
        mine = slice(self.rank * self.batch_size, (self.rank + 1) * self.batch_size)
        return posed_batch(self.images, self.ring, drawn[mine], column[mine], flip[mine])


def _draw_columns(weights: FloatArray, uniform: FloatArray) -> IntArray:
    """[B] column of each row of `weights` [B, T], drawn with those probabilities."""
    cumulative = weights.cumsum(axis=1)
    columns: IntArray = (uniform[:, None] * cumulative[:, -1:] >= cumulative).sum(axis=1)
    return np.minimum(columns, weights.shape[1] - 1)


class _HeldoutBatches(Dataset[Batch]):
    """Held-out images in order, with their most likely labels."""

    def __init__(
        self,
        images: LabelledImages,
        ring: PoseRing,
        batches: Sequence[tuple[npt.NDArray[Any], ...]],
    ) -> None:
        self.images, self.ring, self.batches = images, ring, batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, item: int) -> Batch:
        ids, counts = self.batches[item]
        batch = posed_batch(self.images, self.ring, ids, np.zeros_like(ids))
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
        ring: the poses' azimuths.
        train_ids, heldout_ids: which of the images are whose.
        balance: 0 draws every image once an epoch; above 0, see `balanced_probabilities`.
        num_steps: optimizer steps of the whole training.
        soft_labels: whether an image's pose is drawn from its candidates.
    """

    def __init__(
        self,
        images: LabelledImages,
        ring: PoseRing,
        train_ids: IntArray,
        heldout_ids: IntArray,
        batch_size: int,
        balance: float,
        num_steps: int,
        seed: int,
        workers: int = 0,
        soft_labels: bool = True,
    ) -> None:
        super().__init__()
        self.images, self.ring, self.soft_labels = images, ring, soft_labels
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
            pose = self.images.labels.pose[self.train_ids]
            probabilities = balanced_probabilities(pose, self.ring.num_poses, self.balance)
        return PosedBatches(
            self.images, self.ring, self.train_ids, probabilities, self.batch_size,
            self.num_steps, self.seed, *self.place, self.soft_labels,
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
        held = _HeldoutBatches(self.images, self.ring, batches)
        return DataLoader(held, batch_size=None)
