"""How good a run's poses are: on fresh renders of the turntable, or against named viewpoints.

Photos that no stage has seen are assigned with the bank; the ring's one free offset and direction
are then chosen, once for all of them, and each photo's azimuth is compared with the truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from mirage.config import Config
from mirage.core.angles import RingAlignment, align_rings
from mirage.core.contracts import HELDOUT, TRAIN, ByteArray, FloatArray, IntArray, PoseLabels
from mirage.core.progress import show_progress
from mirage.distributed.device import device
from mirage.features import kmeans
from mirage.features.backbone import Backbone, load_backbone
from mirage.images.decoding.squares import flip_photos, to_square
from mirage.images.image_set import ImageSet, open_images
from mirage.images.turntable.objects import CATEGORIES, ObjectSpec, sample_objects
from mirage.images.turntable.pictures import render, render_mask
from mirage.metrics import poses as metrics
from mirage.parts.silhouette import SIDE, find_silhouettes
from mirage.poses.bank import PoseBank
from mirage.poses.bank_file import load_bank
from mirage.poses.labels import read_labels
from mirage.poses.ring import ring_from_distances
from mirage.runs.folder import BANK_FILE, LABELS_FILE, RunFolder

_TRUE_BINS = 24  # true azimuths are compared with clusters in bins of 15°
_BASELINE_PHOTOS = 2000  # training photos that the baselines are fitted to
_CLOSE = 15.0  # degrees of error that count as right in the reliability
_STRANGERS = 60  # renders of each other category, which should be outliers


@dataclass(frozen=True)
class FreshPhotos:
    """Photos of turntable objects that no stage has seen.

    Attributes:
        pooled, flat: [N, C] mean feature of a photo and [N, h·w·C] all of them, for the baselines.
        labels: what the bank says of the N photos.
        azimuth: [N] true degrees.
        mask_iou: [N] of the silhouettes found and the true ones.
    """

    pooled: FloatArray
    flat: FloatArray
    labels: PoseLabels
    azimuth: FloatArray
    mask_iou: FloatArray


def fresh_specs(config: Config, category: str | None = None) -> list[ObjectSpec]:
    """The objects to measure on: never those of a training set."""
    turntable, evaluate = config.images.turntable, config.evaluate
    return sample_objects(
        category or turntable.category,
        evaluate.objects,
        evaluate.seed,
        "evaluate",
        turntable.variant,
    )


def fresh_photo(config: Config, spec: ObjectSpec, azimuth: float, side: int) -> ByteArray:
    """A render as a photo of the set would reach a network of input `side`."""
    picture = render(spec, azimuth, config.images.turntable.size)
    return to_square(Image.fromarray(picture), side, config.images.fit)


def measure_poses(config: Config, folder: RunFolder) -> tuple[dict[str, Any], RingAlignment | None]:
    """All figures that can be had, and the ring's alignment with the truth where there is one."""
    bank = load_bank(folder["poses"] / BANK_FILE)
    if config.images.source != "turntable":
        return _viewpoint_figures(folder), None
    backbone = load_backbone(bank.backbone, device())
    fresh = _look(config, bank, backbone)
    truth, labels = fresh.azimuth, fresh.labels
    alignment = align_rings(labels.azimuth, truth)
    on_ring = bank.ring.azimuth[labels.pose]
    figures = _against_truth(labels.pose, on_ring, truth, alignment) | {
        "fresh_photos": len(truth),
        "mask_iou": float(fresh.mask_iou.mean()),
        "nmi": metrics.nmi(labels.pose, _true_bins(truth)),
        "purity": metrics.purity(labels.pose, _true_bins(truth)),
        "image_azimuth_error": metrics.azimuth_figures(labels.azimuth, truth, alignment),
        "left_right": metrics.wrong_half(alignment.carry(on_ring), truth, 90.0),
        "front_rear": metrics.wrong_half(alignment.carry(on_ring), truth, 0.0),
        "reliability": metrics.reliability(
            labels.confidence, alignment.error(labels.azimuth, truth), _CLOSE
        ),
        "false_outliers": float(labels.outlier.mean()),
        "outliers_found": _others_flagged(config, bank, backbone),
    }
    if config.evaluate.baselines:
        figures["baselines"] = _baselines(config, folder, bank, backbone, fresh)
    return figures, alignment


def _look(config: Config, bank: PoseBank, backbone: Backbone) -> FreshPhotos:
    rng = np.random.default_rng([config.evaluate.seed, 1])
    low, high = config.images.turntable.azimuths
    true, pooled, flat, labels, iou = [], [], [], [], []
    for spec in show_progress(fresh_specs(config), "evaluate poses", config.evaluate.objects):
        azimuths = rng.uniform(low, high, config.evaluate.photos) % 360.0
        photos = np.stack([fresh_photo(config, spec, float(a), backbone.size) for a in azimuths])
        features = backbone(photos)
        labels.append(bank.assign(features, backbone(flip_photos(photos))))
        pooled.append(features.mean(dim=(1, 2)).cpu().numpy())
        flat.append(features.flatten(1).cpu().numpy().astype(np.float16))
        silhouettes = find_silhouettes(bank.masks(features).cpu().numpy(), photos)
        true_masks = np.stack([render_mask(spec, float(a), SIDE) for a in azimuths])
        iou.append(metrics.mask_iou(silhouettes, true_masks))
        true.append(azimuths)
    return FreshPhotos(
        np.concatenate(pooled),
        np.concatenate(flat),
        PoseLabels.join(labels),
        np.concatenate(true),
        np.concatenate(iou),
    )


def _true_bins(azimuth: FloatArray) -> IntArray:
    return (azimuth // (360.0 / _TRUE_BINS)).astype(int)


def _against_truth(
    pose: IntArray, azimuth: FloatArray, truth: FloatArray, alignment: RingAlignment
) -> dict[str, Any]:
    """What poses and baselines are compared by; `azimuth` [N] is that of each photo's pose."""
    return {
        "pose_azimuth_error": metrics.azimuth_figures(azimuth, truth, alignment),
        "homogeneity": metrics.homogeneity(pose, _true_bins(truth)),
    }


def _baselines(
    config: Config, folder: RunFolder, bank: PoseBank, backbone: Backbone, fresh: FreshPhotos
) -> list[dict[str, Any]]:
    """As many clusters of simpler descriptions, and poses drawn at random.

    Each cluster has the azimuth that the shortest tour through the centroids gives it.
    """
    images = open_images(folder["images"])
    ids = np.random.default_rng(config.poses.seed).permutation(images.ids(TRAIN))
    known = np.sort(ids[:_BASELINE_PHOTOS])
    pooled, flat = _plain_features(images, known, backbone)
    seed, count = config.poses.seed, bank.num_poses
    rows = []
    for name, fitted, seen in (
        ("pooled features, k-means", pooled, fresh.pooled),
        ("flattened feature map, k-means", flat, fresh.flat.astype(np.float32)),
    ):
        found = kmeans.fit(fitted, count, seed=seed, restarts=config.poses.restarts).centroids
        gaps = np.linalg.norm(found[:, None] - found[None], axis=2)
        pose, _ = kmeans.assign(seen, found)
        rows.append(_baseline(name, pose, ring_from_distances(gaps).azimuth, fresh.azimuth))
    pose = np.random.default_rng(seed).integers(count, size=len(fresh.azimuth))
    rows.append(_baseline("random", pose, np.arange(count) * 360.0 / count, fresh.azimuth))
    return rows


def _baseline(name: str, pose: IntArray, ring: FloatArray, truth: FloatArray) -> dict[str, Any]:
    azimuth = ring[pose]
    figures = _against_truth(pose, azimuth, truth, align_rings(azimuth, truth))
    return {"name": name, "homogeneity": figures["homogeneity"], **figures["pose_azimuth_error"]}


def _plain_features(
    images: ImageSet, ids: IntArray, backbone: Backbone
) -> tuple[FloatArray, FloatArray]:
    pooled, flat = [], []
    size = backbone.config.batch_size
    batches = images.batches(ids, backbone.size, size)
    for _, photos in show_progress(batches, "baselines", -(-len(ids) // size)):
        features = backbone(photos)
        pooled.append(features.mean(dim=(1, 2)).cpu().numpy())
        flat.append(features.flatten(1).cpu().numpy())
    return np.concatenate(pooled), np.concatenate(flat)


def _others_flagged(config: Config, bank: PoseBank, backbone: Backbone) -> float:
    """Share of renders of other categories that are flagged as outliers."""
    rng = np.random.default_rng([config.evaluate.seed, 3])
    others = [name for name in CATEGORIES if name != config.images.turntable.category]
    flags = []
    for category in others:
        specs = fresh_specs(config, category)
        photos = np.stack(
            [
                fresh_photo(config, specs[i % len(specs)], float(a), backbone.size)
                for i, a in enumerate(rng.uniform(0.0, 360.0, _STRANGERS))
            ]
        )
        flags.append(bank.assign(backbone(photos)).outlier)
    return float(np.concatenate(flags).mean())


def _viewpoint_figures(folder: RunFolder) -> dict[str, Any]:
    """Held-out photos against the viewpoints that a person named, where there are any."""
    images = open_images(folder["images"])
    held_out = images.ids(HELDOUT)
    named = np.asarray([str(images.viewpoint[int(i)]) for i in held_out])
    if not (named != "").any():
        return {}
    labels = read_labels(folder["poses"] / LABELS_FILE)
    return metrics.viewpoint_figures(labels.pose[held_out], named)
