"""train with dry_run: two steps and one orbit on this machine, and what the whole would take.

Nothing is written to the run's folder. This process plays one of those that are to be launched: it
has one's share of a batch. What they send one another is counted, not measured.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from lightning.fabric.plugins.environments import LightningEnvironment
from lightning.pytorch.callbacks import Callback

from mirage.callbacks.ema import WarmupEMA
from mirage.cluster.launch import sbatch_header
from mirage.config import Config
from mirage.core.contracts import TRAIN, PosedPhoto
from mirage.core.errors import MirageError
from mirage.core.machine import allowed_processors
from mirage.datamodules.posed import PosedImages
from mirage.distributed.device import device, fast_kernels
from mirage.distributed.ranks import find_ranks
from mirage.generation.cost import Cost, measure_cost
from mirage.images.image_set import ImageSet, open_images
from mirage.model.codec import PIXELS, Codec
from mirage.model.denoiser import PoseDenoiser
from mirage.model.lit import PoseDiffusion
from mirage.model.paired import PairedDiffusion
from mirage.poses.bank_file import load_bank
from mirage.poses.labels import read_labels
from mirage.runs.folder import BANK_FILE, LABELS_FILE, RunFolder
from mirage.sampler.orbit import sample_orbit
from mirage.sampler.targets import ring_azimuths
from mirage.training.data import TrainingData, cut_patches, share_of_batch, without_outliers
from mirage.training.fitting import make_trainer
from mirage.training.framed import sample_framing
from mirage.training.latents import open_codec
from mirage.training.precision import settle_precision
from mirage.training.refine import back_translate
from mirage.training.trainer import VALIDATION_REFERENCES, validation_views

_STEPS = 3  # the first is not timed: it allocates, and compiles where that is asked for
_TURNED = 8  # photos


def rehearse(config: Config, folder: RunFolder) -> str:
    """Try everything once; returns what it took and what the whole would take, line by line.

    Raises:
        MirageError: poses are not there yet, or what is asked for cannot be.
    """
    if find_ranks().world > 1:
        raise MirageError(
            "a dry run is for one process",
            where="configuration key dry_run",
            todo="run it without torchrun or srun; launcher.nodes and launcher.tasks_per_node say "
            "how many the whole is to have",
        )
    folder.key("poses")
    world = config.launcher.nodes * config.launcher.tasks_per_node
    rows = share_of_batch(config.data.batch_size, world)
    images = open_images(folder["images"])
    data, cached = _gather(config, folder, images, rows)
    alone = replace(config, data=replace(config.data, batch_size=rows))
    denoiser = PoseDenoiser.build(
        config.model, config.data.resolution, data.bank.num_poses, data.codec
    )
    precision = settle_precision(config.train, denoiser, rows)
    alone = replace(alone, train=replace(config.train, precision=precision))
    module = PoseDiffusion(denoiser, config.train)
    step, cost = _time_steps(alone, module, data.alone(alone))
    orbit = _time_orbit(config, denoiser.to(device()), data, config.views.count)
    view = orbit.seconds / config.views.count
    parts = [
        Part("images decoded", len(images) * cached / world),
        Part(f"{config.train.steps} steps", config.train.steps * step),
        Part("orbits to look at", _validations(config) * view / world),
    ]
    if config.refine.steps:
        parts += _refining(alone, data, denoiser, world)
    gradients = sum(p.numel() for p in denoiser.parameters()) * 4 / 2**20
    lines = [
        f"dry run of {folder.root} on {_machine()}, as one of {world} process(es)",
        f"  a step      {rows} of {config.data.batch_size} photos, {config.data.resolution} px, in "
        f"{step:.3f} s: {rows / step:.1f} images/s, {rows * world / step:.1f} of all if none waits",
        f"  memory      {cost.peak_mib:.0f} MiB at most",
        f"  an orbit    {config.views.count} views in {orbit.seconds:.1f} s, {orbit.forwards} "
        "forwards",
        f"  gradients   {gradients:.1f} MiB a step to each other process",
        f"  the whole   about {_clock(sum(part.seconds for part in parts))}",
        *(f"    {_clock(part.seconds):>9}  {part.name}" for part in parts),
    ]
    if config.launcher.kind == "slurm":
        header = sbatch_header("train", config)
        lines += ["  for sbatch", *(f"    {line}" for line in header.strip().splitlines())]
    return "\n".join(lines)


@dataclass(frozen=True)
class Part:
    """Of the whole: its name, and how long it would take."""

    name: str
    seconds: float


def _gather(
    config: Config, folder: RunFolder, images: ImageSet, count: int
) -> tuple[TrainingData, float]:
    """As many photos as a step needs, and the seconds that one of all would take to decode."""
    labels = read_labels(folder["poses"] / LABELS_FILE)
    ids = np.resize(without_outliers(images.ids(TRAIN), labels), max(count, _TURNED))
    began = time.perf_counter()
    size = config.data.resolution
    photos = np.concatenate([part for _, part in images.batches(ids, size, 256)])
    codec: Codec = PIXELS if config.model.autoencoder is None else open_codec(config)
    shown = torch.from_numpy(photos).to(device())
    kept = np.concatenate([codec.keep(part).cpu().numpy() for part in shown.split(16)])
    seconds = (time.perf_counter() - began) / len(ids)
    chosen = labels.take(ids)
    mirrored = None if codec is PIXELS else kept
    framing = sample_framing(config, folder)
    codec = cut_patches(codec, config, framing)
    bank, all_ids = load_bank(folder["poses"] / BANK_FILE), np.arange(len(ids))
    data = TrainingData(codec, kept, mirrored, chosen, bank, all_ids, all_ids[:1], framing)
    return data, seconds


class _Clock(Callback):
    """When each step ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_train_batch_end(self, *_: Any) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.ends.append(time.perf_counter())


def _time_steps(config: Config, module: PoseDiffusion, data: PosedImages) -> tuple[float, Cost]:
    """Seconds a step, and what all of them cost."""
    clock = _Clock()
    with TemporaryDirectory() as scratch:
        trainer = make_trainer(
            replace(config.train, steps=_STEPS),
            Path(scratch),
            [WarmupEMA(config.train.ema_decay), clock],
            devices=1,
            plugins=[LightningEnvironment()],  # alone, also within a job
            limit_val_batches=0,
            logger=False,
            enable_checkpointing=False,
        )
        with fast_kernels():
            _, cost = measure_cost(module.denoiser.unet, lambda: trainer.fit(module, data))
    return float(np.diff(clock.ends).mean()), cost


def _time_orbit(config: Config, denoiser: PoseDenoiser, data: TrainingData, count: int) -> Cost:
    ring, labels = data.bank.ring, data.labels
    shown = data.codec.show(data.codec.load(torch.from_numpy(data.kept[:1])))[0].cpu().numpy()
    photo = PosedPhoto(shown, int(labels.pose[0]), float(labels.azimuth[0]))
    azimuths = ring_azimuths(ring, count)
    _, cost = measure_cost(
        denoiser.unet, lambda: sample_orbit(denoiser.eval(), ring, [photo], azimuths, config.views)
    )
    return cost


def _validations(config: Config) -> int:
    """Views that are sampled to be looked at, in both parts of training."""
    checks = config.train.steps // config.train.validate_every
    checks += config.refine.steps // config.train.validate_every
    return checks * VALIDATION_REFERENCES * validation_views(config).count


def _refining(
    config: Config, data: TrainingData, denoiser: PoseDenoiser, world: int
) -> Sequence[Part]:
    few = replace(config, refine=replace(config.refine, photos=_TURNED))
    with TemporaryDirectory() as scratch:
        began = time.perf_counter()
        turned = back_translate(few, data, denoiser, Path(scratch) / "turned.npy", "dry run")
        turning = (time.perf_counter() - began) / _TURNED
        step, _ = _time_steps(
            config, PairedDiffusion(denoiser.cpu(), config.train), data.paired(config, turned)
        )
    photos, steps = config.refine.photos, config.refine.steps
    return [
        Part(f"{photos} photos turned", photos * turning / world),
        Part(f"{steps} steps on pairs", steps * step),
    ]


def _machine() -> str:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{torch.get_num_threads()} threads of {allowed_processors()} processors"


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"
