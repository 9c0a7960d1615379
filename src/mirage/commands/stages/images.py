"""images: the photos (or the rendered turntable) → manifest.parquet and rejected.csv."""

from __future__ import annotations

from dataclasses import replace

from mirage.config import Config, ImagesConfig, TurntableConfig
from mirage.core.contracts import HELDOUT
from mirage.core.errors import MirageError
from mirage.core.files import path_of
from mirage.distributed.ranks import join_ranks
from mirage.images.identity import identify_images, source_fingerprint
from mirage.images.image_set import open_images
from mirage.images.manifest import build_manifest
from mirage.images.sources.registry import open_source
from mirage.images.sources.remote import absolute
from mirage.runs.folder import STAGES, RunFolder, hash_of
from mirage.runs.request import Request


def run(request: Request) -> str:
    """Build the manifest unless it is there; returns the closing line.

    Raises:
        MirageError: the run writes where its photos are, or the photos cannot be used.
    """
    config, folder = request.config, request.folder
    _refuse_own_folder(config, folder)
    ranks = join_ranks()
    # Machines may tell the times of the same files otherwise: the first one's are what counts.
    key = ranks.gather(images_key(config) if ranks.is_first else "")[0]

    path = config.images.path
    if path is not None and not folder.is_done("images", key):
        open_source(config.images.source, path)  # what is there stays where photos cannot be found

    def build() -> None:
        build_manifest(config.images, folder["images"], key, ranks)

    folder.make("images", key, ranks, build, lambda: identify_images(folder["images"]))
    images = open_images(folder["images"])
    return (
        f"images: {len(images)} usable, {len(images.ids(HELDOUT))} of them held out, "
        f"{images.num_rejected} rejected → {folder['images']}"
    )


def _refuse_own_folder(config: Config, folder: RunFolder) -> None:
    """A run may be below its photos, where it is not looked at, but not be their folder."""
    if config.images.source != "folder" or config.images.path is None:
        return
    photos, run = path_of(config.images.path).resolve(), folder.root.resolve()
    own = next((stage for stage in STAGES if photos.is_relative_to(run / stage)), "")
    if photos == run or own:
        raise MirageError(
            "the run would write among its photos",
            where=f"run={folder.root}, images.path={config.images.path}",
            todo="give the run a folder of its own, as in run=runs/mine",
        )


def images_key(config: Config) -> str:
    """The hash of what tells that a run's images need be looked at.

    What they are then found to be may be what it was: see `identify_images`.
    """
    # How many processes render a set is no matter of its pictures.
    turntable = replace(config.images.turntable, workers=TurntableConfig.workers)
    path = config.images.path and absolute(config.images.path)
    # How objects are framed is asked when there are poses, which tell object from background.
    images = replace(config.images, turntable=turntable, path=path, frame=ImagesConfig.frame)
    return hash_of("images", images, source_fingerprint(config.images))
