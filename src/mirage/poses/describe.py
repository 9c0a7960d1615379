"""Photos to descriptors, at any number of photos: two passes, neither of which keeps all features.

The first looks at a sample of photos and fits what turns patch features into a descriptor. The
second streams all photos, and the mirror images of the sample. What is done is kept in files, so
that several processes share the work, and a stopped one goes on where it was.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from mirage.config import PartsConfig, PosesConfig
from mirage.core.contracts import ByteArray, FloatArray, IntArray
from mirage.distributed.ranks import ALONE, Ranks
from mirage.distributed.threads import threads_of_machine
from mirage.features.backbone import Backbone
from mirage.features.blocks import Blocks
from mirage.features.extract import ImageBatch
from mirage.features.sample import draw_sample
from mirage.parts.codebook import PartCodebook, fit_codebook
from mirage.parts.foreground import Foreground, fit_foreground
from mirage.poses.circle.outline import NUM_FIGURES, outline_figures
from mirage.poses.descriptor import LayoutEncoder, fit_layout_encoder, pool_layout
from mirage.poses.encoder_file import load_encoder, save_encoder
from mirage.poses.erase import mean_colours

_CHUNK = 256  # photos of the sample turned into layouts at once
_MASK_SAMPLE = 256  # photos whose edges tell object from background
_LAYOUT_SAMPLE = 3000  # layouts the reduction is fitted to
_BLOCK = 16  # batches of a block: at most that much is done again after a kill
ENCODER_FILE = "encoder.npz"

Chunked = TypeVar("Chunked", FloatArray, IntArray)
Read = Callable[[IntArray], Iterable[ImageBatch]]  # starts a stream of the photos with these ids


@dataclass(frozen=True)
class Described:
    """What was found out about the photos, before any pose.

    Attributes:
        encoder: patch features → descriptor.
        sample: [n] ids of the photos that poses are fitted to, ascending.
        photos: [N, D] descriptors of all photos, by id.
        images_of_sample: [n, D + 3] of the mirror images of the sample: descriptors, and last the
            figures of their outlines.
    """

    encoder: LayoutEncoder
    sample: IntArray
    photos: Blocks
    images_of_sample: Blocks

    def read_sample(self) -> Sampled:
        """What poses are fitted to; memory holds it."""
        images = self.images_of_sample.read()
        mirrored, outline = np.split(images, [images.shape[1] - NUM_FIGURES], axis=1)
        return Sampled(self.photos.take(self.sample), mirrored, outline)


@dataclass(frozen=True)
class Sampled:
    """n photos as poses are fitted to them.

    Attributes:
        photos, mirrored: [n, D] descriptors of photos and of their mirror images.
        outline: [n, 3] figures of their outlines (`outline.outline_figures`), which both share.
    """

    photos: FloatArray
    mirrored: FloatArray
    outline: FloatArray


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
    encoder = _shared_encoder(
        Blocks(folder / "patches", len(first_look), size),
        lambda rows: _patches(read(first_look[rows]), backbone),
        lambda rows: np.concatenate([images for _, images in read(first_look[rows])]),
        parts_config, poses_config, folder / ENCODER_FILE, ranks,
    )  # fmt: skip
    photos = Blocks(folder / "photos", num_photos, size)
    mirrored = Blocks(folder / "mirrored", len(sample), size)
    mirrored.fill(
        lambda rows: (
            _with_outline(encoder, backbone(_flip(images))) for _, images in read(sample[rows])
        ),
        "mirror images", ranks,
    )  # fmt: skip
    photos.fill(
        lambda rows: (encoder(backbone(images)) for _, images in read(rows)), "photos", ranks
    )
    ranks.wait()
    return Described(encoder, sample, photos, mirrored)


def _shared_encoder(
    patches: Blocks, compute: Callable[[IntArray], Iterator[FloatArray]],
    photos: Callable[[IntArray], ByteArray],
    parts_config: PartsConfig, poses_config: PosesConfig, file: Path, ranks: Ranks,
) -> LayoutEncoder:  # fmt: skip
    """All look at the sample, the first process fits the encoder, and all read it from the file."""
    # Were it asked of each process, one that comes late would not wait with those that came early.
    ranks.wait()
    fitted = file.exists()
    ranks.wait()
    if not fitted:
        patches.fill(compute, "parts", ranks)
        ranks.wait()
        if ranks.is_first:
            with threads_of_machine(ranks):
                save_encoder(file, _fit_encoder(patches.read(), photos, parts_config, poses_config))
        ranks.wait()
    if ranks.is_first:  # features are kept no longer than they are needed
        shutil.rmtree(patches.folder, ignore_errors=True)
    return load_encoder(file)


def _patches(batches: Iterable[ImageBatch], backbone: Backbone) -> Iterator[FloatArray]:
    """[B, h, w, C] fp16 of every batch."""
    for _, images in batches:
        yield backbone(images).cpu().numpy().astype(np.float16)


def _with_outline(encoder: LayoutEncoder, features: Tensor) -> FloatArray:
    """[B, D + 3] descriptors of [B, h, w, C] features, and the figures of their outlines."""
    outline = outline_figures(encoder.masks(features).cpu().numpy())
    return np.concatenate([encoder(features), outline.astype(np.float32)], axis=1)


def _flip(images: ByteArray) -> ByteArray:
    """[B, H, W, 3], left and right exchanged."""
    return np.ascontiguousarray(images[:, :, ::-1])


def _fit_encoder(
    features: FloatArray, photos: Callable[[IntArray], ByteArray], parts_config: PartsConfig,
    poses_config: PosesConfig,
) -> LayoutEncoder:  # fmt: skip
    """From patch features [n, h, w, C] of the photos first looked at, and some of the photos."""
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
    return fit_layout_encoder(
        codebook, foreground, weights, poses_config.grid, np.concatenate(layouts),
        poses_config.dims, np.concatenate(colours) if colours else None,
    )  # fmt: skip


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
