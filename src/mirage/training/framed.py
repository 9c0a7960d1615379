"""A run's photos as its model sees them: each cut so that its object is as large as the others'."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple

import numpy as np

from mirage.config import Config
from mirage.core.contracts import TRAIN, FloatArray, Frame, Framing, IntArray
from mirage.core.progress import show_progress
from mirage.datamodules.cache import build_cache, open_cache
from mirage.distributed.device import device
from mirage.distributed.ranks import join_ranks
from mirage.features.backbone import load_backbone
from mirage.images.image_set import ImageSet, open_images
from mirage.parts.framing import border_share, find_frames, target_frame, usual_frame
from mirage.poses.bank_file import load_bank
from mirage.runs.folder import BANK_FILE, RunFolder, hash_of

_FRAMES = "frames.npy"  # in poses/
_VERSION = 1  # raised when frames are found otherwise
_LOOKED_AT = 1024  # training photos that a framing is made from, at most
_FEW = 64  # where frames are found for nothing else
_PERCENTILE = 95  # of the border's share


def open_framed(config: Config, folder: RunFolder) -> tuple[ImageSet, Framing]:
    """The run's photos, whose squares show what the model sees, and how they are framed.

    Raises:
        MirageError: the run has no images, or no poses where these tell what the object is.
    """
    images, how = open_images(folder["images"]), config.images.framing
    if how == "none":
        return images, Framing()
    path, key = folder["poses"] / _FRAMES, hash_of(folder.key("poses"), _VERSION)
    build_cache(
        path,
        (len(images), 5),
        key,
        lambda ids: _looks(folder, images, ids),
        "float32",
        join_ranks(),
    )
    rows = open_cache(path)
    framing = _framing(rows[_drawn(images)[:_LOOKED_AT]], how)
    windows = [framing.window(_frame(row)) or (np.nan,) * 3 for row in rows]
    return images.framed(np.asarray(windows, np.float32)), framing


def framed_key(config: Config, folder: RunFolder) -> str:
    """A hash of all that squares of the framed photos depend on."""
    how, images = config.images.framing, folder.key("images")
    return images if how == "none" else hash_of(images, folder.key("poses"), how, _VERSION)


def find_framing(config: Config, folder: RunFolder) -> Framing:
    """How the run's photos show their object, also where they are left as they are."""
    if config.images.framing == "none":
        return sample_framing(config, folder)
    return open_framed(config, folder)[1]


def sample_framing(config: Config, folder: RunFolder) -> Framing:
    """The same by a few photos."""
    images = open_images(folder["images"])
    looks = _looks(folder, images, _drawn(images)[:_FEW])
    return _framing(np.concatenate([rows for _, rows in looks]), config.images.framing)


def _drawn(images: ImageSet) -> IntArray:
    """The ids of training photos, in an order that is chance's."""
    return np.random.default_rng(0).permutation(images.ids(TRAIN))


def _framing(rows: FloatArray, how: str) -> Framing:
    frames = [frame for frame in map(_frame, rows) if frame is not None]
    if not frames:
        return Framing()
    share = float(np.percentile(rows[:, 4], _PERCENTILE))
    target = None if how == "none" else target_frame(frames, how)
    return Framing(usual_frame(frames), share, target)


def _frame(row: FloatArray) -> Frame | None:
    x, y, width, height, _ = map(float, row)
    return None if np.isnan(x) else Frame(x, y, width, height)


def _looks(
    folder: RunFolder, images: ImageSet, ids: IntArray
) -> Iterator[tuple[IntArray, FloatArray]]:
    """Ids [B], and [B, 5] frame (NaN where no object is seen) and border share of each photo."""
    bank = load_bank(folder["poses"] / BANK_FILE)
    backbone = load_backbone(bank.backbone, device())
    size = backbone.config.batch_size
    batches = images.batches(ids, backbone.size, size)
    for some, photos in show_progress(batches, "frames", -(-len(ids) // size)):
        masks = bank.masks(backbone(photos)).cpu().numpy()
        rows = [
            (
                *((np.nan,) * 4 if frame is None else astuple(frame)),
                border_share(mask, images.size_of(int(i)), images.fit),
            )
            for i, frame, mask in zip(some, find_frames(masks, photos), masks, strict=True)
        ]
        yield some, np.asarray(rows, np.float32)
