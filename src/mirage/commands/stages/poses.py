"""poses: photos → parts, poses and ring, with nobody telling; labels for every photo."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from mirage.config import Config
from mirage.core.contracts import TRAIN, ByteArray, FloatArray, IntArray, PoseLabels
from mirage.core.errors import MirageError
from mirage.core.files import hash_file
from mirage.core.progress import show_progress
from mirage.diagnostics.pose_doubts import find_doubts
from mirage.diagnostics.pose_pictures import draw_poses
from mirage.distributed.device import device
from mirage.distributed.ranks import Ranks, join_ranks
from mirage.distributed.threads import threads_of_machine
from mirage.features.backbone import Backbone, load_backbone
from mirage.features.extract import extract_features
from mirage.generation.pretrained import find_pretrained, hash_pretrained, match_pretrained
from mirage.images.image_set import ImageSet, open_images
from mirage.parts.groups import TwoGroups, find_two_groups
from mirage.poses.bank import PoseBank
from mirage.poses.bank_file import load_bank, save_bank
from mirage.poses.description.describe import describe
from mirage.poses.description.described import Described
from mirage.poses.fit import fit_bank
from mirage.poses.labels import read_labels, write_labels
from mirage.poses.stability import FEWEST_PHOTOS
from mirage.runs.folder import (
    BANK_FILE,
    LABELS_FILE,
    SUMMARY_FILE,
    RunFolder,
    hash_of,
    read_json,
    write_json,
)
from mirage.runs.request import Request

log = logging.getLogger(__name__)

WORK = "work"
_VERSION = 8  # of what is found by the same settings in the same photos: raised when it changes
_GROUPED = 256  # photos by which it is told whether all are of one kind
_FEWEST = 12  # photos: fewer have no neighbours to tell an order by


def run(request: Request) -> str:
    """Find the poses unless they are found; returns the closing line."""
    config, folder = request.config, request.folder
    key = poses_key(config, folder.key("images"))
    ranks = join_ranks()

    def discover() -> None:
        # BLAS rounds by its number of threads, of which torchrun gives each process another.
        with threadpool_limits(1, user_api="blas"):
            _discover(config, folder, ranks)

    bank = folder["poses"] / BANK_FILE
    found = folder.make("poses", key, ranks, discover, lambda: hash_file(bank))
    if ranks.is_first:
        if found:
            from mirage.tracking.record import record_poses  # takes seconds

            record_poses(config, folder)
        shutil.rmtree(folder["poses"] / WORK, ignore_errors=True)
    return closing_line(read_json(folder["poses"] / SUMMARY_FILE), folder["poses"])


def poses_key(config: Config, images: str) -> str:
    """The hash of all that a run's poses depend on, given that of its images."""
    weights = None if config.pretrained is None else hash_pretrained(config.pretrained)
    return hash_of("poses", _VERSION, images, config.backbone, config.parts, config.poses, weights)


def closing_line(summary: dict[str, Any], where: Path) -> str:
    """What was found, and below it what is doubtful about it."""
    line = (
        f"poses: {summary['num_poses']} poses, ring score {summary['ring_score']:.2f}, "
        f"mean confidence {summary['mean_confidence']:.2f} → {where}"
    )
    return "\n  ".join([line, *find_doubts(summary, where)])


def _discover(config: Config, folder: RunFolder, ranks: Ranks) -> None:
    """All processes describe the photos; the first one finds the poses."""
    images = open_images(folder["images"])
    train = images.ids(TRAIN)
    _refuse_too_few(min(len(train), config.poses.sample), config, folder)
    backbone = load_backbone(config.backbone, device())
    work = _work_folder(config, folder, ranks)
    described = describe(
        lambda ids: images.batches(ids, config.backbone.size, config.backbone.batch_size),
        len(images),
        train,
        backbone,
        config.parts,
        config.poses,
        work,
        ranks,
    )
    if ranks.is_first:
        with threads_of_machine(ranks):
            _find_poses(config, folder, images, backbone, described)


def _find_poses(
    config: Config, folder: RunFolder, images: ImageSet, backbone: Backbone, described: Described
) -> None:
    sample = described.read_sample()
    bank = fit_bank(sample, backbone.config, described.encoder, config.poses)
    pretrained = None
    if config.pretrained is not None:
        bank, pretrained = _relate_to_pretrained(
            config, images, backbone, bank, described.sample, sample.photos
        )
    target = folder["poses"]
    save_bank(bank, target / BANK_FILE)
    blocks = show_progress(described.pairs(), "labels", len(described.photos))
    write_labels(
        target / LABELS_FILE,
        (bank.assign_descriptors(*pair) for pair in blocks),
        images.path,
        images.split,
    )
    labels = read_labels(target / LABELS_FILE)
    summary = {
        "num_images": len(images),
        "num_poses": bank.num_poses,
        "ring_score": float(bank.ring.score),
        "azimuth": [float(a) for a in bank.ring.azimuth],
        "counts": np.bincount(labels.pose, minlength=bank.num_poses).tolist(),
        "mean_confidence": float(labels.confidence.mean()),
        "circle_found": bank.circle is not None,
        "span": list(bank.ring.span),
        "timing_error": bank.timing_error,
        "mirror": bank.mirror.tolist(),
        "parents": None if bank.parents is None else bank.parents.tolist(),
        "outliers": int(labels.outlier.sum()),
        "groups": asdict(_groups(images, backbone, bank, config.poses.seed)),
        "count": asdict(bank.choice) | {"asked": config.poses.count},
        "pretrained": pretrained,
        "labels": hash_file(target / LABELS_FILE),  # as they were written: tells if they are edited
    }
    draw_poses(target, images, backbone, bank, labels, summary, config.poses.seed)
    write_json(target / SUMMARY_FILE, summary)
    if pretrained is not None:
        log.info(pretrained["verdict"])


def _refuse_too_few(num: int, config: Config, folder: RunFolder) -> None:
    """Raise MirageError where `num` photos are too few to look for the poses asked for."""
    asked = max(config.poses.counts, default=0)
    needed = max(_FEWEST, asked) if asked else FEWEST_PHOTOS
    if num < needed:
        raise MirageError(
            f"{num} training photos are too few to find {asked or 'a good number of'} poses in",
            where=str(folder["images"]),
            todo=f"add photos: at least {needed}, and hundreds for poses that mean something "
            "(docs/poses.md); those held out do not count",
        )


def _groups(images: ImageSet, backbone: Backbone, bank: PoseBank, seed: int) -> TwoGroups:
    """Of photos drawn at random."""
    some = np.random.default_rng(seed).permutation(len(images))[:_GROUPED]
    size = backbone.config.batch_size
    batches = show_progress(
        images.batches(some, backbone.size, size), "groups", -(-len(some) // size)
    )
    mass = [bank.part_mass(features) for _, features in extract_features(batches, backbone)]
    return find_two_groups(np.concatenate(mass))


_FIT_ONLY = (
    "count",
    "discoveries",
    "restarts",
    "topk",
    "anchors",
    "seed",
)  # of poses.*: not in a descriptor


_LAYOUT = 3  # of the files in the work folder: raised when they change


def _work_folder(config: Config, folder: RunFolder, ranks: Ranks) -> Path:
    """Where the descriptors are until the stage is done, named by all that they depend on.

    What is kept of other settings goes.
    """
    layout = {k: v for k, v in asdict(config.poses).items() if k not in _FIT_ONLY}
    key = hash_of(
        "descriptors", _LAYOUT, folder.key("images"), config.backbone, config.parts, layout
    )
    work = folder["poses"] / WORK / key
    if ranks.is_first:
        work.mkdir(parents=True, exist_ok=True)
        for other in work.parent.iterdir():
            if other != work:
                shutil.rmtree(other)
    return work


def assign_images(
    batches: Iterator[tuple[IntArray, ByteArray]], backbone: Backbone, bank: PoseBank
) -> PoseLabels:
    """Labels of photos from the bank alone, streamed."""
    features = extract_features(show_progress(batches, "assign"), backbone)
    return PoseLabels.join([bank.assign(batch) for _, batch in features])


def _relate_to_pretrained(
    config: Config,
    images: ImageSet,
    backbone: Backbone,
    bank: PoseBank,
    sample: IntArray,
    sampled: FloatArray,
) -> tuple[PoseBank, dict[str, Any]]:
    """Turn the new ring the way the pretrained one runs, as far as the two agree on the sample.

    Offset and direction of a ring are free, so they are chosen to be those that the weights know.
    """
    assert config.pretrained is not None
    old = load_bank(find_pretrained(config.pretrained) / BANK_FILE)
    reader = backbone if old.backbone == backbone.config else load_backbone(old.backbone, device())
    batches = images.batches(sample, old.backbone.size, old.backbone.batch_size)
    theirs = assign_images(batches, reader, old)
    agreement, match = match_pretrained(bank.assign_descriptors(sampled), bank, theirs, old)
    if agreement.holds and not config.poses.anchors:
        bank = bank.reoriented(match.alignment.offset, match.alignment.direction)
    return bank, asdict(agreement) | {
        "name": config.pretrained,
        "holds": agreement.holds,
        "verdict": str(agreement),
    }
