"""The objects to turn: of photos that a person names, or of photos kept out of training."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mirage.config import Config
from mirage.core.contracts import HELDOUT, PosedPhoto
from mirage.core.errors import MirageError
from mirage.core.files import as_shown, path_of
from mirage.core.progress import show_progress
from mirage.diagnostics.explain import picture_name
from mirage.generation.checks import Judge, RefusedPictures
from mirage.generation.intake import Intake, Look
from mirage.generation.view_generator import ViewGenerator
from mirage.images.decoding.decode import photo_name, read_photo
from mirage.images.image_set import ImageSet, open_images
from mirage.images.sources.folder import find_photos
from mirage.poses.bank import PoseBank
from mirage.runs.folder import VIEWS_FILE, RunFolder, read_json

log = logging.getLogger(__name__)

_HELDOUT = "heldout-"  # the names of held-out photos begin so


@dataclass(frozen=True)
class Reference:
    """An object to turn.

    Attributes:
        name: of its folder of views. path: where its (first) photo is.
        photos: of it, the first of which gives the orbit's azimuth 0.
        confidence, outlier: of the first photo's pose.
        remark: how the first photo was placed, in words; empty where it was left as it is.
    """

    name: str
    path: str
    photos: tuple[PosedPhoto, ...]
    confidence: float
    outlier: bool
    remark: str = ""

    @classmethod
    def of(cls, name: str, path: str, looks: Sequence[Look]) -> Reference:
        """The object that these photos show."""
        first = looks[0]
        confidence, outlier = float(first.labels.confidence[0]), bool(first.labels.outlier[0])
        photos = tuple(look.posed for look in looks)
        return cls(name, path, photos, confidence, outlier, first.remark)

    @property
    def first(self) -> PosedPhoto:
        return self.photos[0]

    def insisted(self, pose: int | None, bank: PoseBank) -> Reference:
        """The same object with that pose, and that pose's azimuth, for its first photo's.

        Raises:
            MirageError: there is no such pose.
        """
        if pose is None:
            return self
        check_pose(pose, bank)
        first = replace(self.first, pose=pose, azimuth=float(bank.ring.azimuth[pose]))
        return replace(self, photos=(first, *self.photos[1:]))


def check_pose(pose: int | None, bank: PoseBank) -> None:
    """Raise MirageError where there is no such pose."""
    if pose is not None and not 0 <= pose < bank.num_poses:
        raise MirageError(
            f"pose {pose} does not exist",
            where="configuration key reference_pose",
            todo=f"poses are numbered 0 to {bank.num_poses - 1}",
        )


def find_references(
    config: Config, folder: RunFolder, generator: ViewGenerator, own: bool = True
) -> tuple[list[Reference], list[MirageError]]:
    """The objects to turn, and why others that were asked for cannot be.

    Photos that a person names are refused where they are unlike the run's, cut off, or of no
    pose that is sure, unless `reference_pose` insists on one. Held-out photos, of several objects
    spread over the set, are all taken as they are: results on them are not to be flattered by a
    choice. Of an object up to `views.photos` photos are taken.

    Args:
        own: whether the run trained the model, and has the photos that it learned from.

    Raises:
        MirageError: there is no such photo, or no such pose.
    """
    if not own:
        if config.views.reference == "heldout":
            raise MirageError(
                f"the weights {config.pretrained} come without photos to turn",
                where="configuration key views.reference",
                todo="name a photo, as in views.reference=car.jpg",
            )
        return _named(config, open_intake(generator), None, folder["views"])
    images = open_images(folder["images"])
    pictures = RefusedPictures(folder, images, generator.backbone, generator.bank)
    intake = open_intake(generator, pictures)
    if config.views.reference == "heldout":
        return _heldout(config, images, intake), []
    return _named(config, intake, pictures, folder["views"])


def open_intake(generator: ViewGenerator, pictures: RefusedPictures | None = None) -> Intake:
    """How photos get to a model; `pictures` draws those that are refused."""
    return Intake(generator, Judge(generator.bank, generator.fit, generator.framing, pictures))


def _heldout(config: Config, images: ImageSet, intake: Intake) -> list[Reference]:
    ids = images.ids(HELDOUT)
    objects = images.object_id[ids].astype(str)
    _, first = np.unique(objects, return_index=True)
    first = np.sort(first)
    count = min(config.views.references, len(first))
    chosen = np.random.default_rng(config.views.seed).permutation(first)[:count]
    found = []
    for i in chosen:
        others = ids[(objects == objects[i]) & (ids != ids[i])][: config.views.photos - 1]
        looks = [intake.look(images.load(int(k)), config.views) for k in (ids[i], *others)]
        found.append(Reference.of(f"{_HELDOUT}{ids[i]:05d}", str(images.path[ids[i]]), looks))
    return found


def _named(
    config: Config, intake: Intake, pictures: RefusedPictures | None, views: Path
) -> tuple[list[Reference], list[MirageError]]:
    insisted, bank = config.reference_pose, intake.generator.bank
    check_pose(insisted, bank)
    given = path_of(config.views.reference)
    paths = find_photos([str(given)]) if given.is_dir() else [given]
    found: list[tuple[str, str, Look]] = []
    refused = []
    names = _names(paths, views)
    for path, name in show_progress(list(zip(paths, names, strict=True)), "photos", len(paths)):
        try:
            photo = read_photo(path, config.images.max_pixels)
            look = intake.take(photo, photo_name(path), config.views, insisted is not None)
        except MirageError as error:
            refused.append(error)
            continue
        if pictures is not None:
            pictures.clear(photo_name(path))
        if look.remark:
            log.info(f"{as_shown(path.name)}: {look.remark}")
        found.append((name, photo_name(path.resolve()), look))
    if config.views.photos > 1 and found:  # they show one object
        name, where, _ = found[0]
        looks = [look for _, _, look in found[: config.views.photos]]
        return [Reference.of(name, where, looks).insisted(insisted, bank)], refused
    return [Reference.of(n, p, [look]).insisted(insisted, bank) for n, p, look in found], refused


def _names(paths: list[Path], views: Path) -> list[str]:
    """A folder name a photo: its own, longer where photos of one name would meet in `views`."""
    stems = [re.sub(r"[^\w.-]+", "_", path.stem) or "photo" for path in paths]
    count = Counter(stem.lower() for stem in stems)  # on some disks Car and car are one folder
    return [
        stem
        if count[stem.lower()] == 1 and not _is_of_another(views / stem, path)
        else Path(picture_name(path)).stem
        for stem, path in zip(stems, paths, strict=True)
    ]


def _is_of_another(target: Path, path: Path) -> bool:
    """Whether a folder holds the views of another photo, or is kept for one that is held out."""
    if target.name.startswith(_HELDOUT):
        return True
    try:
        owner = Path(read_json(target / VIEWS_FILE)["reference"])
    except (MirageError, KeyError):
        return False
    return owner.resolve() != path.resolve()
