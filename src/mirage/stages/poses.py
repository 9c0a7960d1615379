"""poses: photos → parts, poses and ring, with nobody telling; labels for every photo."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch

from mirage.config import Config
from mirage.contracts import HELDOUT, TRAIN, ByteArray, IntArray, PoseLabels
from mirage.errors import MirageError
from mirage.features.backbone import Backbone, load_backbone
from mirage.features.extract import extract_features
from mirage.images.manifest import ImageSet, open_images
from mirage.images.progress import show_progress
from mirage.poses.bank import PoseBank
from mirage.poses.discover import discover
from mirage.poses.labels import concatenate, write_labels
from mirage.stages.folder import RunFolder, hash_of, write_json
from mirage.stages.pose_pictures import draw_poses
from mirage.stages.pretrained import find_pretrained, match_pretrained

BANK_FILE, LABELS_FILE, SUMMARY_FILE = "bank.safetensors", "labels.parquet", "summary.json"


def run(config: Config, folder: RunFolder) -> str:
    """Find the poses unless they are found; returns the closing line."""
    key = hash_of(
        "poses", folder.key("images"), config.backbone, config.parts, config.poses,
        config.pretrained,
    )  # fmt: skip
    if not folder.is_done("poses", key):
        folder.reopen("poses")
        summary = _discover(config, folder)
        folder.finish("poses", key)
        if summary["pretrained"] is not None:
            print(summary["pretrained"]["verdict"])
    bank = PoseBank.load(folder["poses"] / BANK_FILE)
    return f"poses: {bank.num_poses} poses, ring score {bank.ring.score:.2f} → {folder['poses']}"


def device() -> torch.device:
    """The GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _discover(config: Config, folder: RunFolder) -> dict[str, Any]:
    images = open_images(folder["images"])
    train, held_out = images.ids(TRAIN), images.ids(HELDOUT)
    asked = max(config.poses.counts, default=0)
    if len(train) < asked:
        raise MirageError(
            f"{len(train)} training photos cannot form {asked} poses",
            where="configuration key poses.count",
            todo="add photos or ask for fewer poses",
        )
    backbone = load_backbone(config.backbone, device())

    def batches(ids: IntArray = train) -> Iterator[tuple[IntArray, ByteArray]]:
        return images.batches(ids, config.backbone.size, config.backbone.batch_size)

    bank, found = discover(batches, backbone, config.parts, config.poses, len(train))
    both = concatenate([found, assign_images(batches(held_out), backbone, bank)])
    labels = both.take(np.argsort(np.concatenate([train, held_out])))
    pretrained = None
    if config.pretrained is not None:
        bank, labels, pretrained = _relate_to_pretrained(config, images, backbone, bank, labels)
    target = folder["poses"]
    target.mkdir(parents=True, exist_ok=True)
    bank.save(target / BANK_FILE)
    write_labels(
        target / LABELS_FILE, np.arange(len(images)), list(images.path), list(images.split), labels
    )
    counts = np.bincount(labels.pose, minlength=bank.num_poses)
    summary = {
        "num_images": len(images),
        "num_poses": bank.num_poses,
        "ring_score": float(bank.ring.score),
        "azimuth": [float(a) for a in bank.ring.azimuth],
        "counts": counts.tolist(),
        "mean_confidence": float(labels.confidence.mean()),
        "circle_found": bank.circle is not None,
        "span": list(bank.ring.span),
        "mirror": bank.mirror.tolist(),
        "parents": None if bank.parents is None else bank.parents.tolist(),
        "outliers": int(labels.outlier.sum()),
        "count": asdict(bank.choice) | {"asked": config.poses.count},
        "pretrained": pretrained,
    }
    draw_poses(target, images, backbone, bank, labels, summary, config.poses.seed)
    write_json(target / SUMMARY_FILE, summary)
    return summary


def assign_images(
    batches: Iterator[tuple[IntArray, ByteArray]], backbone: Backbone, bank: PoseBank
) -> PoseLabels:
    """Labels of photos from the bank alone, streamed."""
    features = extract_features(show_progress(batches, "assign"), backbone)
    return concatenate([bank.assign(batch) for _, batch in features])


def _relate_to_pretrained(
    config: Config, images: ImageSet, backbone: Backbone, bank: PoseBank, labels: PoseLabels
) -> tuple[PoseBank, PoseLabels, dict[str, Any]]:
    """Turn the new ring the way the pretrained one runs, as far as the two agree.

    Offset and direction of a ring are free, so they are chosen to be those that the weights know.
    """
    assert config.pretrained is not None
    old = PoseBank.load(find_pretrained(config.pretrained) / BANK_FILE)
    reader = backbone if old.backbone == backbone.config else load_backbone(old.backbone, device())
    ids = images.ids(TRAIN)[: config.parts.sample]
    batches = images.batches(ids, old.backbone.size, old.backbone.batch_size)
    theirs = assign_images(batches, reader, old)
    agreement, match = match_pretrained(labels.take(ids), bank, theirs, old)
    if agreement.holds and config.poses.front is None:
        bank = bank.reoriented(match.alignment.offset, match.alignment.direction)
        labels = replace(labels, azimuth=match.alignment.carry(labels.azimuth))
    facts = asdict(agreement) | {"name": config.pretrained, "holds": agreement.holds,
                                 "verdict": str(agreement)}  # fmt: skip
    return bank, labels, facts
