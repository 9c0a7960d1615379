"""Photos to a pose bank and labels: two passes, neither of which keeps all features."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch

from mirage.config import PartsConfig, PosesConfig
from mirage.contracts import FloatArray, PoseLabels
from mirage.features.backbone import Backbone
from mirage.features.extract import ImageBatch
from mirage.features.sample import FeatureSample, sample_features
from mirage.images.progress import show_progress
from mirage.parts.codebook import PartCodebook, fit_codebook
from mirage.parts.foreground import part_weights
from mirage.poses.bank import PoseBank
from mirage.poses.descriptor import LayoutEncoder, fit_layout_encoder, pool_layout
from mirage.poses.fit import fit_bank

_CHUNK = 256  # photos of the sample turned into layouts at once
_LAYOUT_SAMPLE = 3000  # layouts the reduction is fitted to


def discover(
    batches: Callable[[], Iterable[ImageBatch]],
    backbone: Backbone,
    parts_config: PartsConfig,
    poses_config: PosesConfig,
    num_images: int | None = None,
) -> tuple[PoseBank, PoseLabels]:
    """Find parts, poses and ring in photos of one kind of object.

    Args:
        batches: starts a stream of (ids [B], photos [B, H, W, 3] uint8); called twice, and must
            give the same photos in the same order.
        num_images: for the progress bar only.

    Returns:
        The bank, and the labels of all photos in the order of the stream.

    Raises:
        MirageError: there are too few photos for the poses asked for.
    """
    total = None if num_images is None else -(-num_images // backbone.config.batch_size)
    sample = sample_features(
        show_progress(batches(), "parts", total), backbone, parts_config.sample, parts_config.seed
    )
    encoder = _fit_encoder(sample, parts_config, poses_config)
    described = _describe(show_progress(batches(), "poses", total), backbone, encoder, sample)
    del sample
    bank = fit_bank(described.sampled, described.mirrored, backbone.config, encoder, poses_config)
    return bank, bank.assign_descriptors(described.photos)


@dataclass(frozen=True)
class _Descriptors:
    """photos: [N, D] of all. sampled, mirrored: [n, D] of the sample and its mirror images."""

    photos: FloatArray
    sampled: FloatArray
    mirrored: FloatArray


def _fit_encoder(
    sample: FeatureSample, parts_config: PartsConfig, poses_config: PosesConfig
) -> LayoutEncoder:
    features = sample.features
    codebook = fit_codebook(features.reshape(-1, features.shape[-1]), parts_config)
    weights = part_weights(_mean_part_map(features, codebook))
    layouts = [
        pool_layout(codebook.part_maps(torch.from_numpy(chunk)), weights, poses_config.grid).numpy()
        for chunk in _chunks(features[:_LAYOUT_SAMPLE])
    ]
    return fit_layout_encoder(
        codebook, weights, poses_config.grid, np.concatenate(layouts), poses_config.dims
    )


def _mean_part_map(features: FloatArray, codebook: PartCodebook) -> FloatArray:
    total = sum(
        codebook.part_maps(torch.from_numpy(chunk)).sum(dim=0).double().numpy()
        for chunk in _chunks(features)
    )
    mean: FloatArray = np.asarray(total) / len(features)
    return mean


def _chunks(features: FloatArray) -> Iterable[FloatArray]:
    return (features[start : start + _CHUNK] for start in range(0, len(features), _CHUNK))


def _describe(
    batches: Iterable[ImageBatch],
    backbone: Backbone,
    encoder: LayoutEncoder,
    sample: FeatureSample,
) -> _Descriptors:
    """Descriptors of all photos, and of the mirror images of those in the sample."""
    photos: list[FloatArray] = []
    sampled: list[FloatArray] = []
    mirrored: list[FloatArray] = []
    for ids, images in batches:
        rows = np.array([sample.row_of.get(int(image_id), -1) for image_id in ids])
        known = rows >= 0
        batch = np.empty((len(ids), encoder.basis.shape[1]), np.float32)
        if known.any():  # the sample's features need no second look
            batch[known] = encoder(torch.from_numpy(sample.features[rows[known]]))
            sampled.append(batch[known])
            flipped = np.ascontiguousarray(images[known][:, :, ::-1])
            mirrored.append(encoder(backbone(flipped)))
        if not known.all():
            batch[~known] = encoder(backbone(images[~known]))
        photos.append(batch)
    return _Descriptors(*(np.concatenate(part) for part in (photos, sampled, mirrored)))
