"""A run's held-out photos, as its model sees them, and how far pictures are from them as a set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from mirage.config.load import load_config
from mirage.core.angles import circular_distance
from mirage.core.contracts import HELDOUT, ByteArray, FloatArray, Framing, IntArray, PoseLabels
from mirage.core.errors import MirageError
from mirage.distributed.device import device
from mirage.features.backbone import Backbone, load_backbone
from mirage.generation.pretrained import find_pretrained
from mirage.generation.view_reader import ViewReader
from mirage.images.image_set import ImageSet
from mirage.metrics.sets import DISTANCES
from mirage.metrics.views import pool
from mirage.poses.bank import PoseBank
from mirage.poses.bank_file import load_bank
from mirage.poses.labels import read_labels
from mirage.runs.folder import BANK_FILE, LABELS_FILE, RunFolder
from mirage.sampler.export import BANK
from mirage.training.framed import open_framed

AT_ONCE = 64  # pictures
_SAME_RING = 15.0  # degrees, of the median


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
        """`count` of those of a run that has poses.

        Raises:
            MirageError: it has too few, or no poses.
        """
        folder = RunFolder(Path(run))
        images, framing = open_framed(load_config([f"run={run}"]), folder)
        ids = np.random.default_rng(0).permutation(images.ids(HELDOUT))
        if len(ids) < 2 * count:
            raise MirageError(
                f"{count} of {len(ids)} held-out photos leave too few to compare them with",
                where=run,
                todo=f"take a run that holds {2 * count} photos out",
            )
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

    def check_ring(self, weights: Path) -> None:
        """Raise MirageError where the bank of the weights reads other azimuths than the run has."""
        reader = ViewReader.open(load_bank(weights / BANK), self.framing)
        parts = in_parts(self.photos(self.some))
        read = np.concatenate([reader.read(part).azimuth for part in parts])
        away = float(np.median(circular_distance(read, self.labels.azimuth[self.some])))
        if away > _SAME_RING:
            raise MirageError(
                f"the bank of the weights reads photos {away:.0f}° from the run's labels",
                where=str(weights),
                todo="take weights of that run, or a run whose poses were found with pretrained=",
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


def weights_of(run: str, model: str | None) -> Path:
    """The weights called `model`, a name or a folder; the run's own where there is no name.

    Raises:
        MirageError: there are none.
    """
    return find_pretrained(model or str(RunFolder(Path(run))["model"]))
