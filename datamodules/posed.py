"""Training batches by step, and held-out batches for validation."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, partial
from typing import Any

import lightning
import numpy as np
import numpy.typing as npt
import torch

from mirage.core.contracts import IntArray, PoseRing
from mirage.datamodules.balance import balanced_probabilities
from mirage.datamodules.batches import Batches, Loader, Share, StepBatches
from mirage.datamodules.draws import Draw, draw_columns, draw_evenly, draw_weighted
from mirage.datamodules.labelled import Batch, LabelledImages, label_batch
from mirage.datamodules.store import Fetched, Store, open_store

_VALIDATED = 512  # held-out images, at most
_CHOSEN = 3  # keeps this draw apart from those of steps, pairs and epochs


def draw_posed(
    images: LabelledImages, draw: Draw, seed: int, soft_labels: bool, run: int, places: slice
) -> tuple[IntArray, IntArray]:
    """Ids and candidates at places of a run of steps.

    A candidate is drawn from its image's soft label: the most likely pose, which is told with the
    image's own azimuth, or another one, with that pose's azimuth on the ring.

    Args:
        soft_labels: false takes each image's likeliest candidate.
    """
    rng = np.random.default_rng([seed, run])
    ids = draw(rng, places)
    if not soft_labels:
        return ids, np.zeros_like(ids)
    return ids, draw_columns(rng, images.labels.topk_weight[ids])


class _HeldoutBatches(Batches):
    """Held-out images with their most likely labels."""

    def __init__(
        self,
        images: LabelledImages,
        store: Store,
        ring: PoseRing,
        batches: Sequence[tuple[npt.NDArray[Any], ...]],
    ) -> None:
        self.images, self.store, self.ring, self.batches = images, store, ring, batches

    def fetch(self, item: int) -> Fetched:
        ids, counts = self.batches[item]
        labels = label_batch(self.images, self.ring, ids, np.zeros_like(ids))
        return self.store.fetch(ids, labels | {"counts": counts.astype(np.float32)})

    def finish(self, fetched: Fetched) -> Batch:
        return self.store.finish(fetched)


class PosedImages(lightning.LightningDataModule):
    """Training batches by step, balanced over poses, and held-out batches for validation.

    Args:
        ring: the poses' azimuths.
        train_ids, heldout_ids: which of the images are whose.
        balance: 0 draws every image once an epoch; above 0, see `balanced_probabilities`.
        num_steps: optimizer steps of the whole training.
        soft_labels: whether an image's pose is drawn from its candidates.
        gpu_memory: the share of a GPU's free memory that the images may take up.

    Raises:
        MirageError: the labels are not those of such images on such a ring.
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
        soft_labels: bool = True,
        gpu_memory: float = 0.0,
    ) -> None:
        super().__init__()
        images.check(ring)
        self.images, self.ring, self.soft_labels = images, ring, soft_labels
        self.train_ids, self.heldout_ids = train_ids, heldout_ids
        self.batch_size, self.balance, self.num_steps = batch_size, balance, num_steps
        self.seed, self.gpu_memory = seed, gpu_memory

    def train_dataloader(self) -> Loader:
        """Steps from the trainer's current one on, so a resumed run repeats none."""
        trainer = self.trainer
        return self._load(
            self.batches(), self.num_steps, lambda: trainer.global_step if trainer else 0
        )

    def batches(self) -> Batches:
        """What this rank trains on at every optimizer step."""
        poses = [
            labels.pose[self.train_ids]
            for labels in (self.images.labels, self.images.flipped)
            if labels is not None
        ]
        draw = draw_evenly(self.train_ids, self.seed)
        if self.balance > 0:
            probabilities = balanced_probabilities(poses, self.ring.num_poses, self.balance)
            draw = draw_weighted(self.train_ids, probabilities)
        drawn = partial(draw_posed, self.images, draw, self.seed, self.soft_labels)
        return StepBatches(self.images, self.store, self.ring, self.share, drawn)

    @property
    def share(self) -> Share:
        """What is this process's."""
        trainer = self.trainer
        place = (trainer.global_rank, trainer.world_size) if trainer else (0, 1)
        return Share(self.batch_size, *place)

    @property
    def device(self) -> torch.device:
        """Where batches are wanted."""
        return self.trainer.strategy.root_device if self.trainer else torch.device("cpu")

    @cached_property
    def store(self) -> Store:
        """The images, for training and for validation."""
        return open_store(self.images, self.device, self.gpu_memory)

    def val_dataloader(self) -> Loader:
        """Up to 512 held-out images, each process an equal run of every batch of all.

        Of more, 512 are drawn by the seed. What is repeated to share them out evenly has `counts`
        0, all else 1.
        """
        rng, share = np.random.default_rng([self.seed, _CHOSEN]), self.share
        chosen = np.sort(rng.permutation(self.heldout_ids)[:_VALIDATED])
        even = np.resize(chosen, -(-len(chosen) // share.world_size) * share.world_size)
        counts = np.arange(len(even)) < len(chosen)
        batches = [
            tuple(
                np.array_split(x[i : i + share.total], share.world_size)[share.rank]
                for x in (even, counts)
            )
            for i in range(0, len(even), share.total)
        ]
        held = _HeldoutBatches(self.images, self.store, self.ring, batches)
        return self._load(held, len(batches))

    def _load(self, batches: Batches, total: int, *current: Any) -> Loader:
        return Loader(batches, total, *current, ahead=self.device.type != "cpu")
