"""Photos to descriptors, at any number of photos: two passes, neither of which keeps all features.

The first looks at a sample of photos and fits what turns patch features into a descriptor. The
second streams all photos with their mirror images, and copies of some of the sample. What is done
is kept in files, so that several processes share the work, and a stopped one goes on where it was.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from mirage.config import PartsConfig, PosesConfig
from mirage.core.contracts import ByteArray, FloatArray, IntArray
from mirage.core.files import replacing
from mirage.distributed.ranks import ALONE, Ranks
from mirage.distributed.threads import threads_of_machine
from mirage.features.backbone import Backbone
from mirage.features.blocks import Blocks
from mirage.features.extract import ImageBatch
from mirage.features.sample import draw_sample
from mirage.images.decoding.squares import flip_photos
from mirage.parts.codebook import PartCodebook, fit_codebook
from mirage.parts.foreground import Foreground, fit_foreground
from mirage.poses.description.copies import copy_photos
from mirage.poses.description.described import Described, mirror_signs
from mirage.poses.description.descriptor import LayoutEncoder, fit_layout_encoder, pool_layout
from mirage.poses.description.encoder_file import load_encoder, save_encoder
from mirage.poses.description.erase import colour_eraser, mean_colours
from mirage.poses.description.outline import outline_figures

_CHUNK = 256  # photos of the sample turned into layouts at once
_MASK_SAMPLE = 256  # photos whose edges tell object from background
_LAYOUT_SAMPLE = 3000  # layouts the reduction is fitted to
_COPIED = 1000  # photos of the sample that copies are made of
_BLOCK = 16  # batches of a block: at most that much is done again after a kill
ENCODER_FILE, _ERASER_FILE = "encoder.npz", "eraser.npy"

Chunked = TypeVar("Chunked", FloatArray, IntArray)
Read = Callable[[IntArray], Iterable[ImageBatch]]  # starts a stream of the photos with these ids


def describe(
    read: Read,
    num_photos: int,
    train: IntArray,
    backbone: Backbone,
    parts_config: PartsConfig,
    poses_config: PosesConfig,
    folder: Path,
    ranks: Ranks = ALONE,
) -> Described:
    """Fit the encoder to a sample of the photos, and describe all of them.

    Args:
        read: given ids, starts a stream of (ids [B], photos [B, H, W, 3] uint8) in that order.
        num_photos: N; ids are 0 to N − 1.
        train: ids of the photos that may be fitted to.
        folder: where the work is kept; must be used with the same arguments only.
        ranks: the processes that share the work; all of them call this, with one folder.

    Raises:
        MirageError: there are too few photos for the parts asked for.
    """
    drawn = draw_sample(train, poses_config.sample, parts_config.seed)
    first_look = np.sort(drawn[: max(1, parts_config.sample // int(np.prod(backbone.grid)))])
    sample = np.sort(drawn)
    size = _BLOCK * backbone.config.batch_size
    encoder, eraser = _shared_encoder(
        Blocks(folder / "patches", len(first_look), size),
        lambda rows: _patches(read(first_look[rows]), backbone),
        lambda rows: np.concatenate([images for _, images in read(first_look[rows])]),
        parts_config,
        poses_config,
        folder,
        ranks,
    )
    photos = Blocks(folder / "photos", num_photos, size)
    photos.fill(
        lambda rows: (_describe(images, encoder, backbone) for _, images in read(rows)),
        "photos",
        ranks,
    )
    some = np.random.default_rng(parts_config.seed).permutation(len(sample))[:_COPIED]
    copied = np.sort(some)
    copies = Blocks(folder / "copies", len(copied), size)
    copies.fill(
        lambda rows: _describe_copies(rows, read(sample[copied[rows]]), encoder, backbone),
        "copies",
        ranks,
    )
    ranks.wait()
    return Described(encoder, eraser, sample, photos, copied, copies)


def _shared_encoder(
    patches: Blocks,
    compute: Callable[[IntArray], Iterator[FloatArray]],
    photos: Callable[[IntArray], ByteArray],
    parts_config: PartsConfig,
    poses_config: PosesConfig,
    folder: Path,
    ranks: Ranks,
) -> tuple[LayoutEncoder, FloatArray | None]:
    """All look at the sample, the first process fits the encoder, and all read it from the file.

    So they do what takes colour out of its descriptors.
    """
    file, eraser_file = folder / ENCODER_FILE, folder / _ERASER_FILE
    # Were it asked of each process, one that comes late would not wait with those that came early.
    ranks.wait()
    fitted = file.exists()
    ranks.wait()
    if not fitted:
        patches.fill(compute, "parts", ranks)
        ranks.wait()
        if ranks.is_first:
            with threads_of_machine(ranks):
                encoder, eraser = _fit_encoder(patches.read(), photos, parts_config, poses_config)
            if eraser is not None:
                with replacing(eraser_file) as temporary:
                    np.save(temporary, eraser)
            save_encoder(file, encoder)
        ranks.wait()
    if ranks.is_first:  # features are kept no longer than they are needed
        shutil.rmtree(patches.folder, ignore_errors=True)
    return load_encoder(file), np.load(eraser_file) if eraser_file.exists() else None


def _patches(batches: Iterable[ImageBatch], backbone: Backbone) -> Iterator[FloatArray]:
    """[B, h, w, C] fp16 of every batch."""
    for _, images in batches:
        yield backbone(images).cpu().numpy().astype(np.float16)


def _describe(images: ByteArray, encoder: LayoutEncoder, backbone: Backbone) -> FloatArray:
    """[B, H, W, 3] → [B, 2 D + 3]: see `Described.photos`."""
    features = backbone(np.concatenate([images, flip_photos(images)]))
    photos, mirrored = np.split(encoder(features), 2)
    outline = outline_figures(encoder.masks(features[len(images) :]).cpu().numpy())
    side = encoder.places(features[: len(images)])[:, -1:]
    return np.concatenate([photos, mirrored, outline.astype(np.float32), side], axis=1)


def _describe_copies(
    rows: IntArray, batches: Iterable[ImageBatch], encoder: LayoutEncoder, backbone: Backbone
) -> Iterator[FloatArray]:
    """[B, D] of copies of every batch; they are the same however often it is started."""
    start = int(rows[0])
    for _, images in batches:
        copies = copy_photos(images, np.random.default_rng([_COPIED, start]))
        sides = mirror_signs(start + np.arange(len(images)))[:, None, None, None]
        yield encoder(backbone(np.where(sides > 0, copies, flip_photos(copies))))
        start += len(images)


def _fit_encoder(
    features: FloatArray,
    photos: Callable[[IntArray], ByteArray],
    parts_config: PartsConfig,
    poses_config: PosesConfig,
) -> tuple[LayoutEncoder, FloatArray | None]:
    """From patch features [n, h, w, C] of the photos first looked at, and some of the photos.

    And the matrix that takes colour out of its descriptors, if they have it and there are enough.
    """
    some = np.unique(np.linspace(0, len(features) - 1, _MASK_SAMPLE).astype(np.int64))
    foreground = fit_foreground(features[some], photos(some))
    codebook = fit_codebook(features.reshape(-1, features.shape[-1]), parts_config)
    weights = _weigh_parts(features, codebook, foreground)
    layouts, colours = [], []
    known = np.arange(min(len(features), _LAYOUT_SAMPLE))
    for rows in _chunks(known):
        patches = torch.from_numpy(features[rows])
        layouts.append(pool_layout(codebook.part_maps(patches), weights, poses_config.grid).numpy())
        if poses_config.erase_colour:
            colours.append(mean_colours(photos(rows), foreground(patches).numpy()))
    all_layouts = np.concatenate(layouts)
    encoder = fit_layout_encoder(
        codebook, foreground, weights, poses_config.grid, all_layouts, poses_config.dims
    )
    if not colours:
        return encoder, None
    descriptors = (all_layouts - encoder.mean) @ encoder.basis
    return encoder, colour_eraser(descriptors, np.concatenate(colours))


def _weigh_parts(
    features: FloatArray, codebook: PartCodebook, foreground: Foreground
) -> FloatArray:
    """[P] in [0, 1], how much of the object every part is: how much of its mass lies on it."""
    on_object, in_all = np.zeros(codebook.num_parts), np.zeros(codebook.num_parts)
    for chunk in _chunks(features):
        patches = torch.from_numpy(chunk).float()
        maps, masks = codebook.part_maps(patches).double(), foreground(patches).double()
        on_object += torch.einsum("bhwp,bhw->p", maps, masks).numpy()
        in_all += maps.sum(dim=(0, 1, 2)).numpy()
    share = on_object / np.maximum(in_all, 1e-12)
    # Masks bleed over the object's border: squared odds take parts for what they mostly are.
    weights: FloatArray = (share**2 / (share**2 + (1 - share) ** 2)).astype(np.float32)
    return weights


def _chunks(features: Chunked) -> Iterable[Chunked]:
    return (features[start : start + _CHUNK] for start in range(0, len(features), _CHUNK))
