"""The Lightning trainer of a run: what is logged, kept and resumed, whatever is trained."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, NoReturn

import lightning
import numpy as np
import torch
from lightning.fabric.plugins.environments import SLURMEnvironment
from lightning.pytorch.callbacks import Callback, ModelCheckpoint

from callbacks.ema import WarmupEMA
from callbacks.history import MetricsFile, read_history
from callbacks.orbits import OrbitViews, ReadPoses
from callbacks.pace import Pace
from callbacks.poses import PoseRecord
from callbacks.stopping import StoppedError, StopWhenTold
from callbacks.tracking import finish, refusals_told, wandb_logger
from datamodules.posed import PosedImages
from mirage.config import Config, TrainConfig, ViewsConfig
from mirage.contracts import ByteArray, PosedPhoto, PoseLabels, PoseRing
from mirage.device import device, fast_kernels
from mirage.errors import MirageError
from mirage.experiment import build_targets
from mirage.features.backbone import load_backbone
from mirage.images.manifest import ImageSet, open_images
from mirage.model.codec import PIXELS, Codec
from mirage.model.denoiser import PoseDenoiser
from mirage.model.lit import PoseDiffusion
from mirage.poses.bank import PoseBank
from mirage.ranks import ALONE, Ranks, find_ranks
from mirage.stages.folder import BANK_FILE, RunFolder
from mirage.stages.learn.checkpoints import (
    BEST,
    LAST,
    WholeCheckpoints,
    is_whole,
    newest_whole,
    step_of,
)
from mirage.stages.learn.precision import settle_precision
from mirage.stages.provenance import poses_bundle, record_of
from mirage.stages.show.pose_panels import pose_files

VALIDATION_REFERENCES = 4  # turned at every validation, to be looked at
_VALIDATION_VIEWS = 8
METRICS = "metrics.csv"

_PRECISIONS: dict[str, Literal["bf16-mixed", "32-true"]] = {"bf16": "bf16-mixed", "fp32": "32-true"}
_LOG_EVERY = 10  # steps
_UNTIL_ENDED = 300.0  # seconds that a process of a job that is put back waits to be ended


def fit(
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
        KeyboardInterrupt: it was told to stop; it is saved up to here.
        MirageError: it cannot be saved, no checkpoint can be read, another process died, or W&B
            refuses.
    """
    images = open_images(folder["images"])
    size, labels = config.data.resolution, data.images.labels
    references = _pick_references(images, size, labels, data.heldout_ids)
    ranks = find_ranks()
    precision = settle_precision(config.train, module.denoiser, data.batch_size, where, ranks)
    config = replace(config, train=replace(config.train, precision=precision))
    trainer = _trainer_of_run(config, folder, where, data.ring, references, keep_best)
    last = where / LAST
    # One looks, lest another find what the first has set aside.
    start = ranks.gather(newest_whole(where) if ranks.is_first else None)[0]
    stopped = None
    try:
        with refusals_told(where), fast_kernels():
            trainer.fit(module, data, ckpt_path=str(start) if start else None, weights_only=True)
        trainer.save_checkpoint(last)
    except StoppedError as error:
        stopped = error
    except SystemExit:  # how Lightning answers Ctrl-C and SIGTERM
        raise KeyboardInterrupt from None
    except RuntimeError as error:
        if ranks.world == 1 or not _tells_of_a_dead_process(error):
            raise
        raise MirageError(
            f"another of the {ranks.world} processes died",
            where=f"{where}, process {ranks.rank}",
            todo="see its log; the same command goes on from the last checkpoint",
        ) from error
    finally:
        finish(trainer.loggers)
    if stopped is not None:
        _leave(stopped)
    return last


def _tells_of_a_dead_process(error: RuntimeError) -> bool:
    said = str(error)
    return isinstance(error, torch.distributed.DistError) or any(
        sign in said for sign in ("gloo", "Connection closed", "Connection reset", "Broken pipe")
    )


def _leave(stopped: StoppedError) -> NoReturn:
    if stopped.requeue is None:
        raise KeyboardInterrupt
    print("told to stop: saved, and back in the queue", flush=True)
    stopped.requeue()
    time.sleep(_UNTIL_ENDED)  # the first process puts the job back, which ends all
    raise KeyboardInterrupt


def load_averaged(
    config: Config, num_poses: int, checkpoint: Path, codec: Codec = PIXELS
) -> PoseDenoiser:
    """A denoiser with the averaged weights of a checkpoint, on the CPU.

    Raises:
        MirageError: the checkpoint is damaged.
    """
    denoiser = PoseDenoiser.build(config.model, config.data.resolution, num_poses, codec)
    if not is_whole(checkpoint):
        raise MirageError(
            "the checkpoint of a finished training is damaged",
            where=str(checkpoint),
            todo=f"delete {checkpoint.parent / '.stamp.json'}; training then goes on from the "
            "checkpoint before",
        )
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)["state_dict"]
    prefix = "denoiser."
    denoiser.load_state_dict(
        {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    )
    return denoiser


def set_aside_other(where: Path, identity: str, ranks: Ranks = ALONE) -> None:
    """Checkpoints made with other settings cannot be resumed: keep them under another name."""
    if ranks.is_first:
        _set_aside_other(where, identity)
    ranks.wait()


def _set_aside_other(where: Path, identity: str) -> None:
    mark = where / "identity.txt"
    if mark.exists() and mark.read_text() != identity:
        number = 1
        while (aside := where.with_name(f"{where.name}.before-{number}")).exists():
            number += 1
        where.rename(aside)
        print(f"{where.name}: the settings changed; the earlier training is kept in {aside}")
    where.mkdir(parents=True, exist_ok=True)
    mark.write_text(identity)


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


def _trainer_of_run(
    config: Config,
    folder: RunFolder,
    where: Path,
    ring: PoseRing,
    references: Mapping[str, PosedPhoto],
    keep_best: bool,
) -> lightning.Trainer:
    _quieten_lightning()  # before it looks for a Slurm, too
    ranks, poses = find_ranks(), folder["poses"]
    views = validation_views(config)
    callbacks: list[Callback] = [
        OrbitViews(  # sees the EMA: before it
            references, ring, views, where / "orbits", _pose_reader(poses / BANK_FILE)
        ),
        *build_targets(config.train.callbacks),
        WarmupEMA(config.train.ema_decay),
        MetricsFile(where / METRICS, every=_LOG_EVERY),
        Pace(where.name, config.data.batch_size, every=_LOG_EVERY),
        PoseRecord(
            pose_files(poses), lambda: poses_bundle(config, folder),
            where / "wandb" / "poses_logged.txt",
        ),
        *([_best_checkpoint(where)] if keep_best else []),
        # It saves after steps alone, never on exceptions: one may come in mid-step, or while
        # validation has the weights swapped.
        StopWhenTold(where / LAST, config.train.checkpoint_minutes, ranks),
    ]  # fmt: skip
    return make_trainer(
        config.train,
        where,
        callbacks,
        devices=ranks.local_world,
        num_nodes=ranks.machines,
        strategy="auto" if ranks.world == 1 else "ddp",
        plugins=_plugins(),
        logger=wandb_logger(record_of(config, folder, where.name)) if ranks.is_first else False,
        val_check_interval=config.train.validate_every,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        log_every_n_steps=_LOG_EVERY,
    )


def _best_checkpoint(where: Path) -> ModelCheckpoint:
    return ModelCheckpoint(
        where, filename=Path(BEST).stem, monitor="val/loss", save_top_k=1,
        enable_version_counter=False, save_on_train_epoch_end=False,
    )  # fmt: skip


def checkpoint_to_export(where: Path) -> tuple[Path, str]:
    """The checkpoint of a finished training that generalises best, and what to say of it.

    That is the last one, unless held-out photos were denoised better before: few photos are learned
    by heart in the end. The averaged weights of both are what was validated.
    """
    last, best = where / LAST, where / BEST
    losses = {
        int(row["step"]): float(row["val_loss"])
        for row in read_history(where / METRICS) if row["val_loss"]
    }  # fmt: skip
    step = step_of(best) if best.exists() and is_whole(best) else None
    if step not in losses or losses[step] >= losses[max(losses)]:
        return last, ""
    return best, (
        f"of step {step}, where the loss on held-out photos was {losses[step]:.4f}; "
        f"at step {max(losses)} it was {losses[max(losses)]:.4f}"
    )


def make_trainer(
    train: TrainConfig, where: Path, callbacks: list[Callback], **settings: Any
) -> lightning.Trainer:
    """What every training has in common, a run's and one that is only tried.

    Args:
        where: Lightning may leave files there.
        train: its precision is fp32 or bf16, what `settle_precision` made of auto.
        settings: the others that `lightning.Trainer` takes.
    """
    _quieten_lightning()
    return lightning.Trainer(
        accelerator="gpu" if torch.cuda.is_available() else "cpu",
        max_steps=train.steps,
        callbacks=callbacks,
        precision=_PRECISIONS[train.precision],
        gradient_clip_val=train.gradient_clip,
        use_distributed_sampler=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=str(where),
        **settings,
    )


def _plugins() -> list[Any]:
    # Whoever submitted the job requeues it; Lightning must not take the signals.
    slurm = [SLURMEnvironment(auto_requeue=False)] if SLURMEnvironment.detect() else []
    return [WholeCheckpoints(), *slurm]


def _pose_reader(bank_file: Path) -> ReadPoses:
    """Reads the poses of views; what that takes is loaded when the first are there."""

    @cache
    def load() -> ReadPoses | None:
        bank = PoseBank.load(bank_file)
        try:
            backbone = load_backbone(bank.backbone, device())
        except MirageError as error:  # its weights are not at hand: no reason to end a training
            print(f"views are not scored during training: {error.what}", flush=True)
            return None
        return lambda views: bank.assign(backbone(views))

    def read(views: ByteArray) -> PoseLabels | None:
        reader = load()
        return None if reader is None else reader(views)

    return read


def _quieten_lightning() -> None:
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
