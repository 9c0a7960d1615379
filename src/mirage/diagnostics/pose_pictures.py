"""The pictures that the poses stage leaves, for a person to judge the poses by.

Photos are drawn at random throughout, never the best ones; only the thumbnails on the ring are the
surest photo of each pose.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mirage.core.angles import in_degrees
from mirage.core.contracts import ByteArray, IntArray, PoseLabels
from mirage.core.progress import show_progress
from mirage.diagnostics.gallery import GALLERY, Gallery
from mirage.drawing.galleries import Doubt, doubtful_photos, flip_pairs
from mirage.drawing.panels import montage
from mirage.drawing.parts import SeenPhotos, frequent_parts, part_masks, part_rows
from mirage.drawing.plots.pose_plots import pose_sizes, stability_curve
from mirage.drawing.ring import FULL_CIRCLE, ring_picture
from mirage.features.backbone import Backbone
from mirage.images.image_set import ImageSet
from mirage.poses.bank import PoseBank
from mirage.runs.folder import save_picture

_SIDE = 96  # of a thumbnail, pixels
_DOUBT_SIDE = 128
_MEMBERS = 24  # photos of each pose on the montage
_DOUBTS = 24  # photos of each kind of doubt
_PAIRED = 8  # photos a row of the flip pairs
_LOOKED_AT = 64  # photos whose parts are drawn
_MASKED = 12  # of these, photos drawn with all their parts
_KEPT = 12  # photos of each pose in the gallery
_KEPT_PARTS = 8  # parts in the gallery


def draw_poses(
    target: Path,
    images: ImageSet,
    backbone: Backbone,
    bank: PoseBank,
    labels: PoseLabels,
    summary: dict[str, Any],
    seed: int,
) -> None:
    """Write the pictures into `target`, and take away those of an earlier discovery.

    What the summary does not tell (the counts tried, the mirror poses) is not drawn.

    Args:
        labels: of all N photos, by image id.
        summary: what summary.json is to say.
        seed: of the photos drawn.
    """
    rng = np.random.default_rng(seed)
    drawn = [
        rng.permutation(np.flatnonzero(labels.pose == pose))[:_MEMBERS]
        for pose in range(bank.num_poses)
    ]
    surest = surest_photos(labels, bank.num_poses, 1)
    outlying = rng.permutation(np.flatnonzero(labels.outlier))[:_DOUBTS]
    inlying = np.flatnonzero(~labels.outlier)
    unsure = inlying[np.argsort(labels.confidence[inlying], kind="stable")[:_DOUBTS]]
    photos = _load(images, [*drawn, *surest], _SIDE)
    doubted = _load(images, [unsure, outlying], _DOUBT_SIDE)
    chosen = rng.permutation(len(images))[:_LOOKED_AT]
    seen = look_at(np.stack(list(_load(images, [chosen], backbone.size).values())), backbone, bank)

    def doubts(ids: IntArray) -> list[Doubt]:
        return [
            Doubt(
                doubted[int(i)],
                int(labels.pose[i]),
                float(labels.azimuth[i]),
                float(labels.confidence[i]),
            )
            for i in ids
        ]

    doubtful = [("least sure", doubts(unsure))]
    if len(outlying):
        num_outliers = len(labels) - len(inlying)
        doubtful.append((f"outliers\n{num_outliers} in all", doubts(outlying)))
    members = [[photos[int(i)] for i in ids] for ids in drawn]
    blank = np.full((_SIDE, _SIDE, 3), 255, np.uint8)
    thumbnails = np.stack([photos[int(ids[0])] if len(ids) else blank for ids in surest])
    pictures: dict[str, Image.Image | None] = {
        "montage": _montage(members, bank, summary),
        "ring": _ring(thumbnails, bank, summary),
        "parts": part_masks(seen.first(_MASKED), bank.encoder.weights),
        "part_masks": part_rows(seen, bank.encoder.weights),
        "pairs": _pairs(members, bank, summary),
        "sizes": pose_sizes(np.asarray(summary["counts"]), bank.ring.azimuth),
        "stability": _stability(summary),
        "doubts": doubtful_photos(doubtful),
    }
    for name, picture in pictures.items():
        if picture is None:
            (target / f"{name}.png").unlink(missing_ok=True)
        else:
            save_picture(target / f"{name}.png", picture)
    kept = [photos_of[:_KEPT] for photos_of in members]
    _gallery(kept, thumbnails, seen.first(_MASKED), bank).save(target / GALLERY)


def look_at(photos: ByteArray, backbone: Backbone, bank: PoseBank) -> SeenPhotos:
    """What the bank sees in photos [B, H, W, 3] uint8, a batch at a time."""
    size = backbone.config.batch_size
    maps, masks = [], []
    for start in range(0, len(photos), size):
        features = backbone(photos[start : start + size])
        maps.append(bank.part_maps(features).cpu().numpy())
        masks.append(bank.masks(features).cpu().numpy())
    return SeenPhotos(photos, np.concatenate(maps), np.concatenate(masks))


def surest_photos(labels: PoseLabels, num_poses: int, count: int) -> list[IntArray]:
    """The ids of each pose's photos of highest confidence, at most `count`, surest first."""
    order = np.argsort(-labels.confidence, kind="stable")
    pose = labels.pose[order]
    return [order[pose == k][:count] for k in range(num_poses)]


def _load(images: ImageSet, ids: Iterable[IntArray], size: int) -> dict[int, ByteArray]:
    """Photos by id, each decoded once."""
    wanted = np.array(list(dict.fromkeys(int(i) for part in ids for i in part)), np.int64)
    batches = show_progress(images.batches(wanted, size, 64), "pictures", -(-len(wanted) // 64))
    return {
        int(i): photo for some, photos in batches for i, photo in zip(some, photos, strict=True)
    }


def _montage(
    members: list[list[ByteArray]], bank: PoseBank, summary: dict[str, Any]
) -> Image.Image:
    parents = summary.get("parents")
    groups = []
    for pose in np.argsort(bank.ring.azimuth):
        title = (
            f"pose {pose} · {in_degrees(bank.ring.azimuth[pose])}\n{summary['counts'][pose]} photos"
        )
        if parents is not None:
            title += f"\nin coarse pose {parents[pose]}"
        groups.append((title, members[pose]))
    return montage(groups)


def _ring(thumbnails: ByteArray, bank: PoseBank, summary: dict[str, Any]) -> Image.Image:
    return ring_picture(
        bank.ring.azimuth,
        thumbnails,
        np.asarray(summary["counts"]),
        bank.ring.score,
        [str(pose) for pose in range(bank.num_poses)],
        tuple(summary.get("span", FULL_CIRCLE)),
    )


def _pairs(
    members: list[list[ByteArray]], bank: PoseBank, summary: dict[str, Any]
) -> Image.Image | None:
    if summary.get("mirror") is None:
        return None
    return flip_pairs(members, np.asarray(summary["mirror"]), bank.ring.azimuth, _PAIRED)


def _gallery(
    members: list[list[ByteArray]], surest: ByteArray, seen: SeenPhotos, bank: PoseBank
) -> Gallery:
    parts = frequent_parts(seen, bank.encoder.weights, _KEPT_PARTS)
    photos = [photo for photos_of in members for photo in photos_of]
    return Gallery(
        surest,
        np.stack(photos),
        np.repeat(np.arange(len(members)), [len(photos_of) for photos_of in members]),
        seen.photos,
        np.round(255 * seen.part_maps[..., parts]).astype(np.uint8),
        np.round(255 * np.clip(seen.masks, 0, 1)).astype(np.uint8),
        parts,
    )


def _stability(summary: dict[str, Any]) -> Image.Image | None:
    count = summary.get("count") or {}
    tried = count.get("candidates")
    if not tried:
        return None
    names = ("count", "open_bits", "low", "high")
    counts, bits, low, high = (np.asarray([row[name] for row in tried]) for name in names)
    return stability_curve(counts, bits, low, high, count["chosen"], count["why"])
