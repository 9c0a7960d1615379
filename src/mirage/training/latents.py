"""The photos of a run as latents of an autoencoder: encoded once, and scaled for the network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from mirage.config import Config, ModelConfig
from mirage.core.contracts import TRAIN, ByteArray, IntArray, KeptArray
from mirage.core.files import hash_files
from mirage.core.progress import show_progress
from mirage.datamodules.cache import build_cache, open_cache
from mirage.distributed.device import device
from mirage.distributed.ranks import join_ranks
from mirage.images.image_set import ImageSet
from mirage.model.codec import (
    Codec,
    Latents,
    downscale,
    encode,
    load_autoencoder,
    shipped_autoencoders,
)
from mirage.runs.folder import hash_of

_BATCH = 16  # photos encoded at once
_FILES = (".json", ".safetensors", ".bin")  # in an autoencoder's folder
_MEASURED = 512  # training photos that mean and deviation are of


def keep_latents(
    config: Config, images: ImageSet, where: Path, key: str
) -> tuple[Latents, KeptArray, KeptArray]:
    """The codec, and memory maps of all photos and of their mirror images, [N, h, w, C] each.

    Mirror images are encoded too: latents turned round are not those of the picture turned round.

    Args:
        where: the maps' folder. key: of what squares of the photos depend on.

    Raises:
        MirageError: there is no such autoencoder, or it cannot take photos of this size.
    """
    size = config.data.resolution
    codec = open_codec(config)
    which = identify_autoencoder(config.model).autoencoder
    key = hash_of("latents", key, which, size)

    def encoded(mirror: bool) -> KeptArray:
        def batches(ids: IntArray) -> Iterator[tuple[IntArray, ByteArray]]:
            for rows, photos in images.batches(ids, size, _BATCH):
                yield rows, photos[:, :, ::-1] if mirror else photos

        name = f"latents-{size}-{key[:8]}{'-mirrored' if mirror else ''}.npy"
        return _encode_all(codec, len(images), batches, where / name, key)

    kept = encoded(False)
    sample = np.random.default_rng(0).permutation(images.ids(TRAIN))[:_MEASURED]
    return _scaled(codec, kept[np.sort(sample)]), kept, encoded(True)


def keep_all(codec: Codec, pictures: ByteArray, path: Path, key: str) -> KeptArray:
    """Pictures [N, H, W, 3] uint8 as the codec keeps them, in a file of that name."""

    def batches(rows: IntArray) -> Iterator[tuple[IntArray, ByteArray]]:
        for some in np.array_split(rows, -(-len(rows) // _BATCH)):
            yield some, pictures[some]

    return _encode_all(codec, len(pictures), batches, path, key)


def _encode_all(
    codec: Codec,
    count: int,
    pictures: Callable[[IntArray], Iterator[tuple[IntArray, ByteArray]]],
    path: Path,
    key: str,
) -> KeptArray:
    def keep(shown: ByteArray) -> KeptArray:
        images = torch.from_numpy(np.array(shown, order="C")).to(device())
        return np.asarray(codec.keep(images).cpu().numpy())

    def batches(ids: IntArray) -> Iterator[tuple[IntArray, KeptArray]]:
        num = -(-len(ids) // _BATCH)
        for rows, shown in show_progress(pictures(ids), f"encode to {path.stem}", num):
            yield rows, keep(shown)

    _, first = next(pictures(np.arange(1)))
    shape = (count, *keep(first).shape[1:])
    build_cache(path, shape, key, batches, codec.dtype, join_ranks())
    return open_cache(path)


def identify_autoencoder(model: ModelConfig) -> ModelConfig:
    """The same, with what is in an autoencoder's folder in place of its name, for hashes."""
    if model.autoencoder is None:
        return model
    return replace(model, autoencoder=identity_of(model.autoencoder))


def identity_of(autoencoder: str) -> str:
    """A hash of what is in an autoencoder's folder; of one on the hub, its name.

    Another one may have been saved in its place, or have come with another version of this
    package; and the same one may be touched, moved, or installed anew at any time.
    """
    named = Path(autoencoder)
    folder = named if named.is_dir() else shipped_autoencoders().get(autoencoder)
    if folder is None:
        return autoencoder
    return hash_files(sorted(path for path in folder.iterdir() if path.suffix in _FILES))


def open_codec(config: Config) -> Latents:
    """The autoencoder's codec with no scale yet: mean 0, deviation 1."""
    name = config.model.autoencoder
    assert name is not None
    where = f"model.autoencoder={name}"
    autoencoder = load_autoencoder(name, where)
    factor = downscale(autoencoder, config.data.resolution, where)
    zeros = torch.zeros(1, 3, config.data.resolution, config.data.resolution)
    channels = encode(autoencoder, zeros).shape[1]
    sigma_data = config.model.sigma_data
    return Latents(autoencoder, factor, [0.0] * channels, [1.0] * channels, sigma_data)


def _scaled(codec: Latents, sample: KeptArray) -> Latents:
    values = sample.astype(np.float64)
    mean, std = values.mean(axis=(0, 1, 2)), values.std(axis=(0, 1, 2))
    return Latents(
        codec.autoencoder,
        codec.factor,
        mean.tolist(),
        np.maximum(std, 1e-6).tolist(),
        codec.sigma_data,
    )
