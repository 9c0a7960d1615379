"""The training of a run's denoiser: what is looked at while it trains, and what is exported."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from lightning.pytorch.callbacks import ModelCheckpoint

from mirage.callbacks.history import read_history
from mirage.callbacks.orbits import OrbitViews, ReadPoses
from mirage.callbacks.poses import PoseRecord
from mirage.config import Config, ViewsConfig
from mirage.config.load import build_targets
from mirage.core.contracts import ByteArray, Framing, PosedPhoto, PoseLabels
from mirage.core.errors import MirageError
from mirage.datamodules.posed import PosedImages
from mirage.diagnostics.pose_panels import pose_files
from mirage.distributed.ranks import find_ranks
from mirage.generation.view_reader import ViewReader
from mirage.images.image_set import ImageSet
from mirage.model.codec import PIXELS, Codec
from mirage.model.denoiser import PoseDenoiser
from mirage.model.lit import PoseDiffusion
from mirage.poses.bank_file import load_bank
from mirage.runs.folder import BANK_FILE, RunFolder
from mirage.tracking.provenance import poses_bundle, record_of
from mirage.training.checkpoints import BEST, LAST, is_whole, step_of
from mirage.training.fitting import METRICS, averaged_weights, fit, resumable_trainer
from mirage.training.framed import open_framed
from mirage.training.precision import settle_precision

log = logging.getLogger(__name__)

VALIDATION_REFERENCES = 4  # turned at every validation, to be looked at
_VALIDATION_VIEWS = 8


def fit_denoiser(
    config: Config,
    folder: RunFolder,
    where: Path,
    module: PoseDiffusion,
    data: PosedImages,
    keep_best: bool = False,
) -> Path:
    """Train for `config.train.steps`, from the last checkpoint in `where` if there is one.

    Args:
        keep_best: keep the checkpoint of least validation loss too.

    Returns:
        The checkpoint after the last step.

    Raises:
        KeyboardInterrupt, MirageError: as of `fit`.
    """
    images, framing = open_framed(config, folder)
    size, labels = config.data.resolution, data.images.labels
    references = _pick_references(images, size, labels, data.heldout_ids)
    precision = settle_precision(
        config.train, module.denoiser, data.batch_size, where, find_ranks()
    )
    config = replace(config, train=replace(config.train, precision=precision))
    train, poses = config.train, folder["poses"]
    looks = OrbitViews(
        references,
        data.ring,
        validation_views(config),
        where / "orbits",
        _pose_reader(poses / BANK_FILE, framing),
    )
    logged = PoseRecord(
        pose_files(poses),
        lambda: poses_bundle(config, folder),
        where / "wandb" / "poses_logged.txt",
    )
    trainer = resumable_trainer(
        train,
        where,
        config.data.batch_size,
        record_of(config, folder, where.name),
        before=[looks, *build_targets(train.callbacks)],
        after=[logged, *([_best_checkpoint(where)] if keep_best else [])],
    )
    return fit(trainer, module, data, where)


def load_averaged(
    config: Config, num_poses: int, checkpoint: Path, codec: Codec = PIXELS
) -> PoseDenoiser:
    """A denoiser with the averaged weights of a checkpoint, on the CPU.

    Raises:
        MirageError: the checkpoint is damaged.
    """
    denoiser = PoseDenoiser.build(config.model, config.data.resolution, num_poses, codec)
    denoiser.load_state_dict(averaged_weights(checkpoint, "denoiser"))
    return denoiser


def validation_views(config: Config) -> ViewsConfig:
    """What the references of a validation are turned with."""
    return replace(config.views, count=_VALIDATION_VIEWS, mode="soft")


def _pick_references(
    images: ImageSet, size: int, labels: PoseLabels, ids: np.ndarray
) -> dict[str, PosedPhoto]:
    """Held-out photos spread over the ids by their names, the same for the same set."""
    count = min(VALIDATION_REFERENCES, len(ids))
    chosen = ids[np.linspace(0, len(ids) - 1, count).round().astype(int)]
    return {
        f"heldout-{i:05d}": PosedPhoto(
            images.load_square(int(i), size), int(labels.pose[i]), float(labels.azimuth[i])
        )
        for i in chosen
    }


class _BestCheckpoint(ModelCheckpoint):
    """By its own name, for Lightning keeps the state of one callback of a kind and its settings."""


def _best_checkpoint(where: Path) -> ModelCheckpoint:
    return _BestCheckpoint(
        where,
        filename=Path(BEST).stem,
        monitor="val/loss",
        save_top_k=1,
        enable_version_counter=False,
        save_on_train_epoch_end=False,
    )


def checkpoint_to_export(where: Path) -> tuple[Path, str]:
    """The checkpoint of a finished training that generalises best, and what to say of it.

    That is the last one, unless held-out photos were denoised better before: few photos are learned
    by heart in the end. The averaged weights of both are what was validated.
    """
    last, best = where / LAST, where / BEST
    losses = {
        int(row["step"]): float(row["val_loss"])
        for row in read_history(where / METRICS)
        if row["val_loss"]
    }
    step = step_of(best) if best.exists() and is_whole(best) else None
    if step not in losses or losses[step] >= losses[max(losses)]:
        return last, ""
    return best, (
        f"of step {step}, where the loss on held-out photos was {losses[step]:.4f}; "
        f"at step {max(losses)} it was {losses[max(losses)]:.4f}"
    )


def _pose_reader(bank_file: Path, framing: Framing) -> ReadPoses:
    """Reads the poses of views; what that takes is loaded when the first are there."""

    @cache
    def load() -> ReadPoses | None:
        bank = load_bank(bank_file)
        try:
            return ViewReader.open(bank, framing).read
        except MirageError as error:  # its weights are not at hand: no reason to end a training
            log.warning(f"views are not scored during training: {error.what}")
            return None

    def read(views: ByteArray) -> PoseLabels | None:
        reader = load()
        return None if reader is None else reader(views)

    return read
