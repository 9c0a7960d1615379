"""The photos to turn: read, posed, and judged fit to be turned or not."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from mirage.config import Config
from mirage.contracts import HELDOUT, ByteArray, FloatArray, PoseLabels
from mirage.errors import MirageError
from mirage.features.backbone import Backbone, load_backbone
from mirage.images.decode import UndecodableError, decode, to_square
from mirage.images.manifest import ImageSet, open_images
from mirage.images.progress import show_progress
from mirage.model.denoiser import PoseDenoiser
from mirage.parts.backdrop import plain_background
from mirage.parts.silhouette import find_silhouettes
from mirage.poses.bank import PoseBank
from mirage.sampler.pipeline import BANK, load_pipeline
from mirage.stages.assign import find_photos
from mirage.stages.explain import picture_name
from mirage.stages.folder import RunFolder
from mirage.stages.poses import device
from mirage.stages.refuse import Judge


@dataclass(frozen=True)
class Turner:
    """A trained model with the bank that reads poses for it."""

    denoiser: PoseDenoiser
    bank: PoseBank
    backbone: Backbone

    @classmethod
    def open(cls, model: Path) -> Turner:
        """Load model/ and its bank onto the GPU, or the CPU where there is none."""
        pipeline = load_pipeline(model)
        bank = PoseBank.load(model / BANK)
        backbone = load_backbone(bank.backbone, device())
        return cls(pipeline.denoiser.to(device()), bank, backbone)

    def read_poses(self, photos: ByteArray) -> PoseLabels:
        """The poses of [B, H, W, 3] uint8 photos of any size."""
        return self.bank.assign(self.backbone(photos))

    def read_photo(self, photo: ByteArray) -> tuple[PoseLabels, FloatArray]:
        """The pose of one photo [H, W, 3] uint8, and its mask [h, w] in [0, 1]."""
        features = self.backbone(photo[None])
        return self.bank.assign(features), self.bank.masks(features)[0].cpu().numpy()


@dataclass(frozen=True)
class Reference:
    """A photo to turn: at the model's resolution, and its pose with confidence."""

    name: str
    path: str
    photo: ByteArray
    pose: int
    azimuth: float
    confidence: float
    outlier: bool


def find_references(
    config: Config, folder: RunFolder, turner: Turner
) -> tuple[list[Reference], list[MirageError]]:
    """The photos to turn, and why others that were asked for cannot be.

    Photos that a person names are refused where they are unlike the run's, cut off, or of no
    pose that is sure, unless `reference_pose` insists on one. Held-out photos, one of each of
    several objects spread over the set, are all taken as they are: results on them are not to be
    flattered by a choice.

    Raises:
        MirageError: there is no such photo, or no such pose.
    """
    images = open_images(folder["images"])
    if config.views.reference != "heldout":
        return _named(config, folder, turner, images)
    ids = images.ids(HELDOUT)
    _, first = np.unique(images.object_id[ids].astype(str), return_index=True)
    one_each = ids[np.sort(first)]
    count = min(config.views.references, len(one_each))
    chosen = np.random.default_rng(config.views.seed).permutation(one_each)[:count]
    found = []
    for i in chosen:
        photo, name = images.load(int(i)), f"heldout-{i:05d}"
        square = to_square(photo, turner.backbone.size, images.fit)
        labels, mask = turner.read_photo(square)
        small = _placed(config, turner, photo, square, mask, images.fit)
        found.append(_posed(turner, name, str(images.path[i]), small, labels, None))
    return found, []


def _named(
    config: Config, folder: RunFolder, turner: Turner, images: ImageSet
) -> tuple[list[Reference], list[MirageError]]:
    insisted = config.reference_pose
    if insisted is not None and insisted >= turner.bank.num_poses:
        raise MirageError(
            f"pose {insisted} does not exist",
            where="configuration key reference_pose",
            todo=f"poses are numbered 0 to {turner.bank.num_poses - 1}",
        )
    given = Path(config.views.reference)
    paths = find_photos([str(given)]) if given.is_dir() else [given]
    judge = Judge(folder, images, turner.backbone, turner.bank)
    found, refused = [], []
    names = _names(paths)
    for path, name in show_progress(list(zip(paths, names, strict=True)), "photos", len(paths)):
        try:
            photo = _read(path, config.images.max_pixels)
            square = to_square(photo, turner.backbone.size, images.fit)
            labels, mask = turner.read_photo(square)
            if insisted is None:
                judge.check(path, photo.size, square, labels, mask)
        except MirageError as error:
            refused.append(error)
            continue
        judge.clear(path)
        small = _placed(config, turner, photo, square, mask, images.fit)
        found.append(_posed(turner, name, str(path), small, labels, insisted))
    return found, refused


def _names(paths: list[Path]) -> list[str]:
    """A folder name a photo: its own, longer where photos of one name would meet."""
    stems = [re.sub(r"[^\w.-]+", "_", path.stem) or "photo" for path in paths]
    count = Counter(stems)
    return [
        stem if count[stem] == 1 else Path(picture_name(path)).stem
        for stem, path in zip(stems, paths, strict=True)
    ]


def _read(path: Path, max_pixels: int) -> Image.Image:
    try:
        return decode(path.read_bytes(), max_pixels)
    except (OSError, UndecodableError) as error:
        raise MirageError(
            f"the reference photo cannot be read: {error}",
            where=f"views.reference={path}",
            todo="give a photo, a folder of photos, or views.reference=heldout",
        ) from error


def _placed(
    config: Config,
    turner: Turner,
    photo: Image.Image,
    square: ByteArray,
    mask: FloatArray,
    fit: str,
) -> ByteArray:
    """The photo as the sampler gets it: at the model's resolution, its background as asked for."""
    small = to_square(photo, turner.denoiser.resolution, fit)
    if config.views.background == "keep":
        return small
    return plain_background(small, find_silhouettes(mask[None], square[None])[0])


def _posed(
    turner: Turner, name: str, path: str, photo: ByteArray, labels: PoseLabels, insisted: int | None
) -> Reference:
    pose, azimuth = int(labels.pose[0]), float(labels.azimuth[0])
    if insisted is not None:
        pose, azimuth = insisted, float(turner.bank.ring.azimuth[insisted])
    confidence, outlier = float(labels.confidence[0]), bool(labels.outlier[0])
    return Reference(name, path, photo, pose, azimuth, confidence, outlier)
