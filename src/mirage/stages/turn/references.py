"""The photos to turn: read, posed, and judged fit to be turned or not."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from mirage.config import Config, ViewsConfig
from mirage.contracts import HELDOUT, ByteArray, FloatArray, PosedPhoto, PoseLabels
from mirage.errors import MirageError
from mirage.features.backbone import Backbone, load_backbone
from mirage.images.decode import UndecodableError, decode, to_square
from mirage.images.manifest import ImageSet, open_images
from mirage.model.denoiser import PoseDenoiser
from mirage.parts.backdrop import plain_background
from mirage.parts.silhouette import find_silhouettes
from mirage.poses.bank import PoseBank
from mirage.progress import show_progress
from mirage.sampler.pipeline import BANK, load_pipeline
from mirage.stages.assign import find_photos
from mirage.stages.folder import RunFolder
from mirage.stages.poses import device
from mirage.stages.show.explain import picture_name
from mirage.stages.turn.place import place
from mirage.stages.turn.refuse import Judge
from mirage.stages.turn.usual import UsualPhotos


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

    def weak(self, config: ViewsConfig) -> PoseDenoiser | None:
        """The worse version of the model that `config` names, where it is made use of.

        Raises:
            MirageError: there is none, or it knows another number of poses.
        """
        if config.weak_guidance == 0.0 or config.weak_model is None:
            return None
        weak = _load_weak(config.weak_model)
        if weak.num_poses != self.denoiser.num_poses or weak.resolution != self.denoiser.resolution:
            raise MirageError(
                f"the worse model has {weak.num_poses} poses at {weak.resolution} px, this one "
                f"{self.denoiser.num_poses} at {self.denoiser.resolution} px",
                where=f"views.weak_model={config.weak_model}",
                todo="use a shorter training of the same run",
            )
        return weak

    def read_poses(self, photos: ByteArray) -> PoseLabels:
        """The poses of [B, H, W, 3] uint8 photos of any size."""
        return self.bank.assign(self.backbone(photos))

    def read_photo(self, photo: ByteArray) -> tuple[PoseLabels, FloatArray]:
        """The pose of one photo [H, W, 3] uint8, and its mask [h, w] in [0, 1]."""
        features = self.backbone(photo[None])
        return self.bank.assign(features), self.bank.masks(features)[0].cpu().numpy()


@cache
def _load_weak(model: str) -> PoseDenoiser:
    return load_pipeline(Path(model)).denoiser.to(device())


@dataclass(frozen=True)
class Reference:
    """An object to turn.

    Attributes:
        name: of its folder of views. path: where its (first) photo is.
        photos: of it, the first of which gives the orbit's azimuth 0.
        confidence, outlier: of the first photo's pose.
    """

    name: str
    path: str
    photos: tuple[PosedPhoto, ...]
    confidence: float
    outlier: bool

    @property
    def first(self) -> PosedPhoto:
        return self.photos[0]


def find_references(
    config: Config, folder: RunFolder, turner: Turner
) -> tuple[list[Reference], list[MirageError]]:
    """The objects to turn, and why others that were asked for cannot be.

    Photos that a person names are refused where they are unlike the run's, cut off, or of no
    pose that is sure, unless `reference_pose` insists on one. Held-out photos, of several objects
    spread over the set, are all taken as they are: results on them are not to be flattered by a
    choice. Of an object up to `views.photos` photos are taken.

    Raises:
        MirageError: there is no such photo, or no such pose.
    """
    images = open_images(folder["images"])
    if config.views.reference != "heldout":
        return _named(config, folder, turner, images)
    ids = images.ids(HELDOUT)
    objects = images.object_id[ids].astype(str)
    _, first = np.unique(objects, return_index=True)
    first = np.sort(first)
    count = min(config.views.references, len(first))
    chosen = np.random.default_rng(config.views.seed).permutation(first)[:count]
    found = []
    for i in chosen:
        others = ids[(objects == objects[i]) & (ids != ids[i])][: config.views.photos - 1]
        shown = [_look(config, turner, images.load(int(k)), images.fit) for k in (ids[i], *others)]
        name, path = f"heldout-{ids[i]:05d}", str(images.path[ids[i]])
        found.append(_reference(name, path, shown, None, turner.bank))
    return found, []


@dataclass(frozen=True)
class _Look:
    """A photo, and what the bank makes of it."""

    small: ByteArray
    square: ByteArray
    mask: FloatArray
    labels: PoseLabels


def _look(config: Config, turner: Turner, photo: Image.Image, fit: str) -> _Look:
    square = to_square(photo, turner.backbone.size, fit)
    labels, mask = turner.read_photo(square)
    return _Look(_backed(config, turner, photo, square, mask, fit), square, mask, labels)


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
    usual = UsualPhotos(images, turner.backbone, turner.bank)
    judge = Judge(folder, images, turner.backbone, turner.bank, usual)
    found: list[tuple[str, Path, _Look]] = []
    refused = []
    names = _names(paths)
    for path, name in show_progress(list(zip(paths, names, strict=True)), "photos", len(paths)):
        try:
            photo = _read(path, config.images.max_pixels)
            if config.views.placement == "fit":
                photo = _moved(photo, path.name, usual, turner)
            look = _look(config, turner, photo, images.fit)
            if insisted is None:
                judge.check(path, photo.size, look.square, look.labels, look.mask)
        except MirageError as error:
            refused.append(error)
            continue
        judge.clear(path)
        found.append((name, path, look))
    if config.views.photos > 1 and found:  # they show one object
        name, path, _ = found[0]
        shown = [look for _, _, look in found[: config.views.photos]]
        return [_reference(name, str(path), shown, insisted, turner.bank)], refused
    return [_reference(n, str(p), [look], insisted, turner.bank) for n, p, look in found], refused


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


def _moved(photo: Image.Image, name: str, usual: UsualPhotos, turner: Turner) -> Image.Image:
    """The photo with its object where the run's photos have theirs; says so where it was not."""
    if usual.frame is None:
        return photo

    def find_mask(shown: Image.Image) -> FloatArray:
        return turner.read_photo(to_square(shown, turner.backbone.size, "pad"))[1]

    placed, taken = place(photo, usual.frame, find_mask)
    if taken is not None:
        how = "cut to" if taken[2] < 1.0 else "set into a square of"
        print(
            f"{name}: {how} {taken[2]:.2f} of its side, to have its object where training photos "
            "have theirs (views.placement=keep leaves it)"
        )
    return placed


def _backed(
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


def _reference(
    name: str, path: str, shown: list[_Look], insisted: int | None, bank: PoseBank
) -> Reference:
    """An object by what its photos look like; the pose insisted on is the first photo's."""
    photos = [
        PosedPhoto(look.small, int(look.labels.pose[0]), float(look.labels.azimuth[0]), look.mask)
        for look in shown
    ]
    if insisted is not None:
        photos[0] = replace(photos[0], pose=insisted, azimuth=float(bank.ring.azimuth[insisted]))
    labels = shown[0].labels
    return Reference(
        name, path, tuple(photos), float(labels.confidence[0]), bool(labels.outlier[0])
    )
