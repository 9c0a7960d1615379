"""train: images with their poses → checkpoints, and the exported pipeline in model/."""

from __future__ import annotations

import logging
from dataclasses import asdict
from pathlib import Path

import lightning

from mirage.config import Config
from mirage.core.errors import MirageError
from mirage.distributed.ranks import join_ranks
from mirage.generation.pretrained import find_pretrained, hash_pretrained
from mirage.images.image_set import open_images
from mirage.model.codec import Codec
from mirage.model.denoiser import PoseDenoiser
from mirage.model.lit import PoseDiffusion
from mirage.model.pretrained import start_from
from mirage.poses.bank_file import load_bank
from mirage.runs.folder import BANK_FILE, SUMMARY_FILE, RunFolder, hash_of, read_json
from mirage.runs.request import Request
from mirage.sampler.export import export_pipeline, load_pipeline
from mirage.tracking.record import record_model
from mirage.training.data import TrainingData, keep_images
from mirage.training.dry_run import rehearse
from mirage.training.fitting import set_aside_other
from mirage.training.framed import find_framing
from mirage.training.latents import identify_autoencoder
from mirage.training.refine import refine
from mirage.training.trainer import checkpoint_to_export, fit_denoiser, load_averaged

log = logging.getLogger(__name__)

# These do not change what training computes, or only how far it goes.
_MAY_CHANGE = (
    "steps",
    "checkpoint_minutes",
    "validate_every",
    "callbacks",
    "compile",
    "gpu_memory",
)


def run(request: Request) -> str:
    """Train, and refine where that is asked for, unless it is done; returns the closing line.

    With `dry_run` it only tries, and tells what the whole would take.
    """
    config, folder = request.config, request.folder
    if config.dry_run:
        return rehearse(config, folder)
    identity, key, exported = _keys(config, folder.key("poses"))
    ranks = join_ranks()

    def train() -> None:
        set_aside_other(folder["train"], identity, ranks)
        _fit(config, folder)

    folder.make("train", key, ranks, train)
    refined = config.refine.steps > 0

    def export() -> None:
        trained, which = checkpoint_to_export(folder["train"])
        if ranks.is_first and which:
            log.info(f"train: the weights are those {which}")
        last = refine(config, folder, trained, key) if refined else trained
        codec, _, _ = keep_images(config, folder)
        if ranks.is_first:
            _export(config, folder, last, codec)
            record_model(config, folder, exported)

    folder.make("model", exported, ranks, export)
    more = f" and {config.refine.steps} on pairs" if refined else ""
    return f"train: {config.train.steps} steps{more} → {folder['model']}"


def model_key(config: Config, poses: str) -> str:
    """The hash of all that a run's trained model depends on, given that of its poses."""
    return _keys(config, poses)[-1]


def _keys(config: Config, poses: str) -> tuple[str, str, str]:
    """The hashes of the training however long it is, of the training, and of the model."""
    identity = identify(config, poses)
    key = hash_of(identity, config.train.steps)
    return identity, key, hash_of(key, config.refine) if config.refine.steps > 0 else key


def identify(config: Config, poses: str) -> str:
    """The hash of what a training must share with a checkpoint to go on from it."""
    data, train = (
        {k: v for k, v in asdict(section).items() if k not in _MAY_CHANGE}
        for section in (config.data, config.train)
    )
    return hash_of(
        "train",
        poses,
        config.images.framing,
        data,
        identify_autoencoder(config.model),
        None if config.pretrained is None else hash_pretrained(config.pretrained),
        train,
    )


def _fit(config: Config, folder: RunFolder) -> None:
    lightning.seed_everything(config.train.seed, verbose=False)
    mapping = _pretrained_poses(config, folder)
    data = TrainingData.gather(config, folder)
    denoiser = PoseDenoiser.build(
        config.model, config.data.resolution, data.bank.num_poses, data.codec
    )
    if config.pretrained is not None:
        trained = load_pipeline(find_pretrained(config.pretrained)).denoiser
        start_from(denoiser, trained, mapping)
    module = PoseDiffusion(denoiser, config.train)
    fit_denoiser(config, folder, folder["train"], module, data.alone(config), keep_best=True)


def _pretrained_poses(config: Config, folder: RunFolder) -> list[int] | None:
    """The pose of the pretrained weights that each of the run's stands for; None if they disagree.

    Raises:
        MirageError: the run's poses were found without these weights, so nobody compared them.
    """
    if config.pretrained is None:
        return None
    related = read_json(folder["poses"] / SUMMARY_FILE)["pretrained"] or {"name": None}
    if related["name"] != config.pretrained:
        raise MirageError(
            f"training is to start from {config.pretrained}, whose poses have not been compared "
            "with those of this run",
            where=str(folder["poses"]),
            todo=f"run `mirage poses run={folder.root} pretrained={config.pretrained}`, then this",
        )
    return related["mapping"] if related["holds"] else None


def _export(config: Config, folder: RunFolder, checkpoint: Path, codec: Codec) -> None:
    """model/ holds the averaged weights of the checkpoint."""
    bank_file = folder["poses"] / BANK_FILE
    bank = load_bank(bank_file)
    denoiser = load_averaged(config, bank.num_poses, checkpoint, codec)
    fit = open_images(folder["images"]).fit
    framing = find_framing(config, folder)
    export_pipeline(denoiser, bank.ring, bank_file, folder["model"], fit, framing, config.views)
