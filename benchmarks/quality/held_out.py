"""A run's held-out photos, as its model sees them, and how far pictures are from them as a set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from mirage.config.load import load_config
from mirage.core.contracts import HELDOUT, ByteArray, FloatArray, Framing, IntArray, PoseLabels
from mirage.distributed.device import device
from mirage.features.backbone import Backbone, load_backbone
from mirage.images.image_set import ImageSet
from mirage.metrics.sets import DISTANCES
from mirage.metrics.views import pool
from mirage.poses.bank import PoseBank
from mirage.poses.bank_file import load_bank
from mirage.poses.labels import read_labels
from mirage.runs.folder import BANK_FILE, LABELS_FILE, RunFolder
from mirage.training.framed import open_framed

AT_ONCE = 64  # pictures


@dataclass(frozen=True)
class HeldOut:
    """Some of the held-out photos, drawn at random, and the others, which they are compared with.

    Attributes:
        labels: of all photos of the run.
        some, others: ids.
        side: of the pictures that the model draws, px.
    """

    images: ImageSet
    framing: Framing
    labels: PoseLabels
    bank: PoseBank
    backbone: Backbone
    some: IntArray
    others: IntArray
    side: int

    @classmethod
    def draw(cls, run: str, count: int, side: int) -> HeldOut:
        """`count` of those of a run that has poses."""
        folder = RunFolder(Path(run))
        images, framing = open_framed(load_config([f"run={run}"]), folder)
        ids = np.random.default_rng(0).permutation(images.ids(HELDOUT))
        bank = load_bank(folder["poses"] / BANK_FILE)
        return cls(
            images,
            framing,
            read_labels(folder["poses"] / LABELS_FILE),
            bank,
            load_backbone(bank.backbone, device()),
            np.sort(ids[:count]),
            np.sort(ids[count:]),
            side,
        )

    def photos(self, ids: IntArray) -> ByteArray:
        """[N, side, side, 3] framed as the model sees them."""
        return np.concatenate([some for _, some in self.images.batches(ids, self.side, AT_ONCE)])

    def features(self, pictures: ByteArray) -> list[Tensor]:
        """The backbone's, of parts of pictures [N, H, W, 3]."""
        return [self.backbone(part) for part in in_parts(pictures)]

    def distances(self, pictures: ByteArray, others: FloatArray) -> tuple[float, float]:
        """FD and KID × 1000 of pictures from the pooled features of others."""
        found = self.pooled(pictures)
        fd, kid = (float(DISTANCES[name](found, others)) for name in ("fd", "kid"))
        return fd, 1000 * kid

    def pooled(self, pictures: ByteArray) -> FloatArray:
        """[N, F] features of pictures [N, H, W, 3]."""
        return np.concatenate([pool(part) for part in self.features(pictures)])


def in_parts(pictures: ByteArray) -> list[ByteArray]:
    """Pictures [N, …] in parts that fit into memory."""
    return np.array_split(pictures, -(-len(pictures) // AT_ONCE))
