"""The second part of train: turn training photos with the model, then train on the pairs.

See `mirage.model.paired` for why.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import lightning
import numpy as np
import torch

from mirage.config import Config, ViewsConfig
from mirage.config.changes import changed
from mirage.core.angles import circular_distance
from mirage.core.contracts import (
    ByteArray,
    FloatArray,
    IntArray,
    KeptArray,
    PoseCondition,
    PoseLabels,
)
from mirage.core.errors import MirageError
from mirage.core.progress import show_progress
from mirage.datamodules.cache import build_cache, open_cache
from mirage.datamodules.labelled import LabelledImages
from mirage.datamodules.pairs import BackTranslated
from mirage.distributed.device import device
from mirage.distributed.ranks import join_ranks
from mirage.generation.view_reader import ViewReader
from mirage.model.denoiser import PoseDenoiser
from mirage.model.inference import ready
from mirage.model.paired import PairedDiffusion
from mirage.runs.folder import RunFolder, hash_of
from mirage.sampler.precision import faster_precision
from mirage.sampler.single_views import sample_single_views
from mirage.sampler.targets import nearest_pose
from mirage.training.data import TrainingData
from mirage.training.fitting import set_aside_other
from mirage.training.latents import keep_all
from mirage.training.trainer import fit_denoiser, load_averaged

log = logging.getLogger(__name__)

TURNED = "turned.npy"

_BATCH = 64  # photos turned at once
_STEPS = 14  # many rough views teach more than few fine ones
_READ_WITHIN = 30.0  # degrees of the azimuth asked for: other views would teach a wrong pose
_FEWEST = 0.1  # of the views must be so, or all are learned from


def refine(config: Config, folder: RunFolder, trained: Path, trained_key: str) -> Path:
    """Train the model of the checkpoint `trained` on pairs; returns its last checkpoint.

    Killed, it goes on where it was, in turning and in training; asked for more steps, too.

    Args:
        trained_key: the hash of all that the checkpoint depends on.
    """
    where, settings = folder["refine"], config.refine
    key = hash_of(
        "refine", trained_key, settings.photos, settings.learning_rate, settings.pose_guidance
    )
    set_aside_other(where, key, join_ranks())
    lightning.seed_everything(config.train.seed, verbose=False)
    data = TrainingData.gather(config, folder)
    denoiser = load_averaged(config, data.bank.num_poses, trained, data.codec)
    turned = back_translate(config, data, denoiser, where / TURNED, key)
    training = replace(
        config.train,
        steps=settings.steps,
        learning_rate=settings.learning_rate,
        warmup_steps=min(config.train.warmup_steps, settings.steps),
    )
    config = replace(config, train=training)
    module = PairedDiffusion(denoiser.cpu(), training)
    return fit_denoiser(config, folder, where, module, data.paired(config, turned))


def back_translate(
    config: Config, data: TrainingData, denoiser: PoseDenoiser, path: Path, key: str
) -> BackTranslated:
    """Training photos, each turned to an azimuth drawn at random where the ring has one."""
    rng = np.random.default_rng([config.train.seed, 1])
    ids = np.resize(rng.permutation(data.train), config.refine.photos)
    ring = data.bank.ring
    low, high = ring.span
    azimuth = (low + (high - low) * rng.random(len(ids))) % 360.0
    asked = nearest_pose(ring, azimuth)
    where = device()
    denoiser = ready(denoiser, where).eval()
    # Not as `views` says: what they are made with may not change as views are looked at.
    views = changed(
        ViewsConfig(),
        {
            "guidance.pose.weight": config.refine.pose_guidance,
            "sampler.steps": _STEPS,
            "sampler.precision": _precision(denoiser, len(ids)),
        },
        "views",
    )

    def batches(rows: IntArray) -> Iterator[tuple[IntArray, KeptArray]]:
        parts = np.array_split(rows, -(-len(rows) // _BATCH))
        for part in show_progress(parts, "turn training photos", len(parts)):
            of = ids[part]
            own = _condition(data.labels.pose[of], data.labels.azimuth[of])
            targets = _condition(asked[part], azimuth[part])
            shown = data.codec.show(
                sample_single_views(denoiser, data.kept[of], own, targets, views)
            )
            yield part, shown.cpu().numpy()

    size = config.data.resolution
    build_cache(path, (len(ids), size, size, 3), key, batches, ranks=join_ranks())
    labels = _labels(asked, azimuth)
    flipped = data.bank.flipped(labels) if config.data.mirror else None
    shown = open_cache(path)
    rows = _well_turned(data, shown, azimuth)
    if data.mirrored is None:
        return BackTranslated(LabelledImages(shown, labels, flipped), ids, rows)
    kept, mirrored = (
        keep_all(data.codec, views, path.with_stem(f"{path.stem}-{name}"), key)
        for views, name in ((shown, "kept"), (shown[:, :, ::-1], "mirrored"))
    )
    return BackTranslated(LabelledImages(kept, labels, flipped, mirrored), ids, rows)


def _well_turned(data: TrainingData, shown: ByteArray, azimuth: FloatArray) -> IntArray:
    """The views that are read about where they were turned to; all, if hardly any is."""
    every = np.arange(len(shown))
    try:
        reader = ViewReader.open(data.bank, data.framing)
    except MirageError as error:  # the backbone's weights are not at hand
        log.warning(f"refine: views are not read before they are learned from: {error.what}")
        return every
    parts = np.array_split(every, -(-len(every) // _BATCH))
    found = [
        reader.read(shown[part]).azimuth
        for part in show_progress(parts, "read the turned photos", len(parts))
    ]
    good = every[circular_distance(np.concatenate(found), azimuth) <= _READ_WITHIN]
    few = len(good) < _FEWEST * len(every)
    log.info(
        f"refine: {len(good)} of {len(every)} views are read within {_READ_WITHIN:.0f}° of the "
        f"azimuth asked for{': all are learned from, as those are few' if few else ''}"
    )
    return every if few else good


def _precision(denoiser: PoseDenoiser, photos: int) -> str:
    """What is faster here, if one process turns them alone and they are more than a batch."""
    if photos <= _BATCH or join_ranks().world > 1:
        return "auto"
    chosen, why = faster_precision(denoiser)
    if why:
        log.info(f"turning photos in {chosen}, {why}")
    return chosen


def _condition(pose: IntArray, azimuth: FloatArray) -> PoseCondition:
    return PoseCondition(
        torch.from_numpy(np.asarray(pose, np.int64)), torch.from_numpy(azimuth.astype(np.float32))
    )


def _labels(pose: IntArray, azimuth: FloatArray) -> PoseLabels:
    """Labels of views as they were asked for, of which all are sure."""
    one = np.ones(len(pose), np.float32)
    return PoseLabels(
        pose,
        one,
        azimuth.astype(np.float32),
        pose[:, None],
        one[:, None],
        np.zeros(len(pose), bool),
    )
