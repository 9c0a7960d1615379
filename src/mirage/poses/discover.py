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
from mirage.poses.azimuth import fit_circle
from mirage.poses.bank import PoseBank, join_circle
from mirage.poses.clusters import fit_poses
from mirage.poses.descriptor import LayoutEncoder, fit_layout_encoder, pool_layout
from mirage.poses.ring import ring_from_distances, ring_from_plane

_CHUNK = 256  # photos of the sample turned into layouts at once
_LAYOUT_SAMPLE = 3000  # layouts the reduction is fitted to
# Of the circle joined to the descriptor, whose own length is about 1: large enough that poses are
# arcs of the circle and not kinds of object, small enough that unsure views still tell.
_CIRCLE_RADIUS = 3.0


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
    bank = _fit_bank(described, backbone, encoder, poses_config)
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


def _fit_bank(
    described: _Descriptors, backbone: Backbone, encoder: LayoutEncoder, config: PosesConfig
) -> PoseBank:
    descriptors = described.photos
    found = fit_circle(described.sampled, described.mirrored, config.seed)
    azimuth = None if found is None else found[0].azimuths(descriptors)
    points = join_circle(descriptors, azimuth, _CIRCLE_RADIUS)
    centroids, softness = fit_poses(
        points, config.count, restarts=config.restarts, seed=config.seed, max_points=config.sample
    )
    if found is None:
        gaps = np.linalg.norm(centroids[:, None] - centroids[None, :], axis=2)
        ring = ring_from_distances(gaps)
    else:
        plane = centroids[:, -2:]
        ring = ring_from_plane(plane, found[1])
    bank = PoseBank(
        backbone=backbone.config,
        encoder=encoder,
        circle=None if found is None else found[0],
        centroids=centroids,
        circle_weight=_CIRCLE_RADIUS,
        softness=softness,
        topk=config.topk,
        ring=ring,
    )
    if config.front is None:
        return bank
    return bank.turned(-float(ring.azimuth[config.front]))
