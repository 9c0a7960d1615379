"""train: images with their poses → checkpoints, and the exported pipeline in model/."""

from __future__ import annotations

import logging
import sys
import warnings
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint, RichProgressBar

from callbacks.ema import WarmupEMA
from callbacks.history import MetricsFile
from callbacks.orbits import OrbitReference, OrbitViews
from callbacks.poses import PoseRecord
from callbacks.tracking import wandb_logger
from datamodules.cache import build_cache, open_cache
from datamodules.posed import PosedImages
from mirage.config import Config
from mirage.contracts import HELDOUT, TRAIN, ByteArray, IntArray, PoseLabels
from mirage.experiment import build_targets
from mirage.images.manifest import ImageSet, open_images
from mirage.model.denoiser import PoseDenoiser
from mirage.model.lit import PoseDiffusion
from mirage.model.pretrained import start_from
from mirage.poses.bank import PoseBank
from mirage.poses.labels import read_labels
from mirage.sampler.pipeline import export_pipeline, load_pipeline
from mirage.stages.folder import RunFolder, hash_of, read_json
from mirage.stages.pose_panels import pose_files
from mirage.stages.poses import BANK_FILE, LABELS_FILE, SUMMARY_FILE
from mirage.stages.pretrained import find_pretrained

LAST = "last.ckpt"
_VALIDATION_REFERENCES = 4
_VALIDATION_VIEWS = 8


def run(config: Config, folder: RunFolder) -> str:
    """Train unless it is done; returns the closing line."""
    identity = hash_of(
        "train", folder.key("poses"), config.data, config.model, config.pretrained,
        {k: v for k, v in asdict(config.train).items() if k not in _MAY_CHANGE},
    )  # fmt: skip
    key = hash_of(identity, config.train.steps)
    if not (folder.is_done("train", key) and folder.is_done("model", key)):
        folder.reopen("train")
        folder.reopen("model")
        _set_aside_other_training(folder["train"], identity)
        _fit(config, folder)
        _export(config, folder)
        folder.finish("train", key)
        folder.finish("model", key)
    return f"train: {config.train.steps} steps → {folder['model']}"


# These do not change what training computes, or only how far it goes.
_MAY_CHANGE = ("steps", "checkpoint_every", "validate_every", "callbacks", "compile")


def _set_aside_other_training(train: Path, identity: str) -> None:
    """Checkpoints made with other settings cannot be resumed: keep them under another name."""
    mark = train / "identity.txt"
    if mark.exists() and mark.read_text() != identity:
        number = 1
        while (aside := train.with_name(f"train.before-{number}")).exists():
            number += 1
        train.rename(aside)
        print(f"train: the settings changed; the earlier training is kept in {aside}")
    train.mkdir(parents=True, exist_ok=True)
    mark.write_text(identity)


def prepare_pixels(config: Config, images: ImageSet, folder: RunFolder) -> ByteArray:
    """The memory-mapped uint8 cache of all images at the model's resolution."""
    size = config.data.resolution
    path = folder["images"] / f"cache-{size}.npy"
    build_cache(
        path, len(images), size, folder.key("images"), lambda ids: images.batches(ids, size, 256)
    )
    return open_cache(path)


def _fit(config: Config, folder: RunFolder) -> None:
    lightning.seed_everything(config.train.seed, verbose=False)
    images = open_images(folder["images"])
    labels = read_labels(folder["poses"] / LABELS_FILE)
    bank = PoseBank.load(folder["poses"] / BANK_FILE)
    pixels = prepare_pixels(config, images, folder)
    denoiser = PoseDenoiser.build(config.model, config.data.resolution, bank.num_poses)
    if config.pretrained is not None:
        _start_from_pretrained(config, folder, denoiser)
    if config.train.compile:
        denoiser.unet.compile()
    train, held_out = (without_outliers(images.ids(part), labels) for part in (TRAIN, HELDOUT))
    data = PosedImages(
        pixels, labels, bank.ring, train, held_out,
        config.data.batch_size, config.data.balance, config.train.steps, config.train.seed,
        config.data.workers, bank.flipped(labels) if config.data.mirror else None,
    )  # fmt: skip
    references = pick_references(pixels, labels, held_out, _VALIDATION_REFERENCES)
    trainer = _trainer(config, folder, bank, references)
    last = folder["train"] / LAST
    module = PoseDiffusion(denoiser, config.train)
    try:
        trainer.fit(module, data, ckpt_path=str(last) if last.exists() else None, weights_only=True)
    except SystemExit:  # how Lightning answers Ctrl-C and SIGTERM
        raise KeyboardInterrupt from None
    trainer.save_checkpoint(last)


def without_outliers(ids: IntArray, labels: PoseLabels) -> IntArray:
    """The photos that have a pose; all of `ids`, if none of them has."""
    kept = ids[~labels.outlier[ids]]
    return kept if len(kept) else ids


def pick_references(
    pixels: ByteArray, labels: PoseLabels, ids: np.ndarray, count: int
) -> list[OrbitReference]:
    """Held-out photos spread over the ids, the same for the same set."""
    chosen = ids[np.linspace(0, len(ids) - 1, min(count, len(ids))).round().astype(int)]
    return [
        OrbitReference(np.array(pixels[i]), int(labels.pose[i]), float(labels.azimuth[i]))
        for i in chosen
    ]


def _trainer(
    config: Config, folder: RunFolder, bank: PoseBank, references: list[OrbitReference]
) -> lightning.Trainer:
    _quieten_lightning()
    train, poses = folder["train"], folder["poses"]
    views = replace(config.views, count=_VALIDATION_VIEWS, mode="soft")
    callbacks: list[Callback] = [
        OrbitViews(references, bank.ring, views, train / "orbits"),  # sees the EMA: before it
        *build_targets(config.train.callbacks),
        WarmupEMA(config.train.ema_decay),
        MetricsFile(train / "metrics.csv", every=10),
        PoseRecord(
            pose_files(poses), [poses / LABELS_FILE, poses / BANK_FILE],
            _provenance(config, folder), train / "wandb" / "poses_logged.txt",
        ),
        ModelCheckpoint(
            train, filename="best", monitor="val/loss", save_top_k=1, enable_version_counter=False,
        ),
        # Not on exceptions: one may come in mid-step, or while validation has the weights swapped.
        ModelCheckpoint(
            train, filename="last", every_n_train_steps=config.train.checkpoint_every,
            save_top_k=1, enable_version_counter=False,
        ),
    ]  # fmt: skip
    if sys.stderr.isatty():
        callbacks.append(RichProgressBar())
    return lightning.Trainer(
        max_steps=config.train.steps,
        logger=wandb_logger(train / "wandb", folder.root.name, asdict(config)),
        callbacks=callbacks,
        precision=_precision(config.train.precision),
        gradient_clip_val=config.train.gradient_clip,
        val_check_interval=config.train.validate_every,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        enable_progress_bar=sys.stderr.isatty(),
        enable_model_summary=False,
        log_every_n_steps=10,
        default_root_dir=str(train),
    )


def _provenance(config: Config, folder: RunFolder) -> dict[str, Any]:
    """What the poses were found with, and what was found."""
    summary = read_json(folder["poses"] / SUMMARY_FILE)
    return {
        "key": folder.key("poses"),
        "images": asdict(config.images),
        "backbone": asdict(config.backbone),
        "parts": asdict(config.parts),
        "poses": asdict(config.poses),
        **{name: summary[name] for name in ("num_images", "num_poses", "ring_score")},
    }


def _precision(asked: str) -> Literal["bf16-mixed", "32-true"]:
    """bf16 where it is faster: on a GPU. On a CPU small convolutions are slower in it."""
    if asked == "bf16" or (asked == "auto" and torch.cuda.is_available()):
        return "bf16-mixed"
    return "32-true"


def _quieten_lightning() -> None:
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")


def _start_from_pretrained(config: Config, folder: RunFolder, denoiser: PoseDenoiser) -> None:
    assert config.pretrained is not None
    trained = load_pipeline(find_pretrained(config.pretrained)).denoiser
    related = read_json(folder["poses"] / SUMMARY_FILE)["pretrained"]
    start_from(denoiser, trained, related["mapping"] if related["holds"] else None)


def _export(config: Config, folder: RunFolder) -> None:
    """model/ holds the averaged weights of the last checkpoint."""
    bank_file = folder["poses"] / BANK_FILE
    bank = PoseBank.load(bank_file)
    denoiser = PoseDenoiser.build(config.model, config.data.resolution, bank.num_poses)
    state = torch.load(folder["train"] / LAST, map_location="cpu", weights_only=True)["state_dict"]
    prefix = "denoiser."
    denoiser.load_state_dict(
        {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    )
    export_pipeline(denoiser, bank.ring, bank_file, folder["model"])
