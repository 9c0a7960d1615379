"""What a training learns from: a run's photos at the model's resolution, and their poses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import Any

from mirage.config import Config
from mirage.core.contracts import (
    HELDOUT,
    TRAIN,
    ByteArray,
    Framing,
    IntArray,
    KeptArray,
    PoseLabels,
)
from mirage.core.errors import MirageError
from mirage.datamodules.cache import build_cache, open_cache
from mirage.datamodules.labelled import LabelledImages
from mirage.datamodules.pairs import BackTranslated, PairedImages
from mirage.datamodules.posed import PosedImages
from mirage.distributed.device import device
from mirage.distributed.ranks import find_ranks, join_ranks
from mirage.features.backbone import load_backbone
from mirage.images.image_set import ImageSet, open_images
from mirage.model.codec import PIXELS, Codec, Patches
from mirage.poses.bank import PoseBank
from mirage.poses.bank_file import load_bank
from mirage.poses.labels import read_labels
from mirage.runs.folder import BANK_FILE, LABELS_FILE, RunFolder
from mirage.training.framed import framed_key, open_framed
from mirage.training.label_noise import corrupt
from mirage.training.latents import keep_latents

# Of an object's height, what is seen of a picture: masks miss its ends, and some objects are higher
# than their masks tell.
_ROOM = 1.5


@dataclass(frozen=True)
class TrainingData:
    """The photos of a run that have a pose.

    Attributes:
        codec: what the network sees of pictures.
        kept: [N, h, w, C] all photos as the codec keeps them, a memory map.
        mirrored: [N, h, w, C] their mirror images; None where turning `kept` round makes them.
        labels: of the N photos.
        train, held_out: which of them are whose; outliers are in neither.
        framing: how they show their object.
    """

    codec: Codec
    kept: KeptArray
    mirrored: KeptArray | None
    labels: PoseLabels
    bank: PoseBank
    train: IntArray
    held_out: IntArray
    framing: Framing

    @classmethod
    def gather(cls, config: Config, folder: RunFolder) -> TrainingData:
        """Read all of it; fills the memory maps where they are not full yet."""
        images = open_images(folder["images"])
        labels = read_labels(folder["poses"] / LABELS_FILE)
        bank = load_bank(folder["poses"] / BANK_FILE)
        train, held_out = (without_outliers(images.ids(part), labels) for part in (TRAIN, HELDOUT))
        if config.data.label_noise > 0:
            backbone = load_backbone(bank.backbone, device())
            share, seed = config.data.label_noise, config.train.seed
            labels = corrupt(labels, share, train, images, backbone, bank, seed)
        _, framing = open_framed(config, folder)
        return cls(*keep_images(config, folder), labels, bank, train, held_out, framing)

    def alone(self, config: Config) -> PosedImages:
        """Batches of photos by themselves."""
        return PosedImages(**self._settings(config))

    def paired(self, config: Config, turned: BackTranslated) -> PairedImages:
        """Batches of photos and of pairs."""
        return PairedImages(turned, **self._settings(config))

    def _settings(self, config: Config) -> dict[str, Any]:
        flipped = self.bank.flipped(self.labels) if config.data.mirror else None
        return {
            "images": LabelledImages(self.kept, self.labels, flipped, self.mirrored),
            "ring": self.bank.ring,
            "train_ids": self.train,
            "heldout_ids": self.held_out,
            "batch_size": share_of_batch(config.data.batch_size, find_ranks().world),
            "balance": config.data.balance,
            "num_steps": config.train.steps,
            "seed": config.train.seed,
            "soft_labels": config.data.soft_labels,
            "gpu_memory": config.data.gpu_memory,
        }


def share_of_batch(batch_size: int, world: int, key: str = "data.batch_size") -> int:
    """What one of `world` processes takes of a batch, whose configuration key is `key`.

    Raises:
        MirageError: it cannot be shared out evenly.
    """
    if batch_size % world:
        raise MirageError(
            f"a batch of {batch_size} cannot be shared out evenly to {world} processes",
            where=f"configuration key {key}",
            todo=f"use a multiple of {world}; it is the batch of all processes together",
        )
    return batch_size // world


def without_outliers(ids: IntArray, labels: PoseLabels) -> IntArray:
    """The photos that have a pose; all of `ids`, if none of them has."""
    kept = ids[~labels.outlier[ids]]
    return kept if len(kept) else ids


def keep_images(config: Config, folder: RunFolder) -> tuple[Codec, KeptArray, KeptArray | None]:
    """The codec, all photos as it keeps them, and their mirror images where they are kept too."""
    images, framing = open_framed(config, folder)
    key, where = framed_key(config, folder), folder["images"]
    codec: Codec = PIXELS
    mirrored = None
    if config.model.autoencoder is not None:
        codec, kept, mirrored = keep_latents(config, images, where, key)
    else:
        kept = keep_pixels(images, config.data.resolution, where, key)
    return cut_patches(codec, config, framing), kept, mirrored


def keep_pixels(images: ImageSet, size: int, where: Path, key: str) -> ByteArray:
    """[N, size, size, 3] uint8 all photos of a run, a memory map; filled where it is not full yet.

    Args:
        where: the cache's folder. key: of what squares of the photos depend on.
    """
    path = where / f"cache-{size}-{key[:8]}.npy"
    build_cache(
        path,
        (len(images), size, size, 3),
        key,
        lambda ids: images.batches(ids, size, 256),
        ranks=join_ranks(),
    )
    return open_cache(path)


def cut_patches(codec: Codec, config: Config, framing: Framing) -> Codec:
    """The codec in patches of `model.patch`, of the rows that objects so framed are seen in.

    Raises:
        MirageError: the network cannot halve what it would see.
    """
    size, target = config.model.patch, framing.target
    patches = Patches(codec, size)
    unit = 2 ** (len(config.model.channels) - 1)
    side = config.data.resolution // patches.factor
    if config.data.resolution % (patches.factor * unit):
        raise MirageError(
            f"pictures of {config.data.resolution} px in patches of {size} cannot be halved "
            f"{len(config.model.channels) - 1} times",
            where="configuration keys data.resolution, model.patch, model.channels",
            todo=f"use a resolution that is a multiple of {patches.factor * unit}",
        )
    if target is not None:
        high = unit * ceil(_ROOM * target.height * side / unit)
        if high < side:
            top = (side - high) // 2
            return replace(patches, rows=(top, top + high))
    return codec if size == 1 else patches
