"""The speed of training, and its model FLOPs as a share of the machine's peak."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from findings import REHEARSE, SECONDS, Found
from lightning.pytorch.callbacks import Callback
from machine import has_bf16, machine, peak_flops, synchronize

from mirage.callbacks.ema import WarmupEMA
from mirage.config import Config, ModelConfig
from mirage.config.load import load_config
from mirage.core.contracts import PoseLabels, PoseRing
from mirage.datamodules.labelled import LabelledImages
from mirage.datamodules.posed import PosedImages
from mirage.model.codec import PIXELS, Codec, Latents, Patches
from mirage.model.denoiser import PoseDenoiser
from mirage.model.lit import PoseDiffusion
from mirage.training.cost import count_cost
from mirage.training.fitting import make_trainer
from mirage.training.recipes import latent_shape

NUM_POSES = 24
_TIMED_SECONDS = 8.0  # of steps, before they count as timed


def speed() -> None:
    """What the machine does at best, and what share of that a training as `mirage train` uses."""
    found, began = Found(), time.monotonic()
    machine(found)
    peak, source = peak_flops()
    found.add(peak_tflops=round(peak / 1e12, 3), peak_is=source)
    names = ["photos_64", "photos_128", "photos_256", "photos_128_small"]
    # Compiling last: it takes a minute, and may hang.
    variants = [("fp32", False), ("fp32", True)]
    if has_bf16():
        variants = [("bf16", False), ("fp32", False), ("bf16", True)]
    if REHEARSE:
        names, variants = ["photos_128_small"], [("bf16", False)]
    for precision, compiled in variants:
        for name in names:
            what = f"{name} {precision}{' compiled' * compiled}"
            if time.monotonic() - began > SECONDS - (40 if compiled else 15):
                found.add(**{what: "no time left"})
                continue
            config = training_config(name, precision, compiled)
            found.attempt(what, partial(time_training, config, peak))


def training_config(name: str, precision: str, compiled: bool) -> Config:
    config = load_config([f"experiment={name}"])
    if REHEARSE:
        model = ModelConfig(channels=[32, 64], layers_per_block=1, attention_levels=[1])
        data = replace(config.data, resolution=16, batch_size=4)
        config = replace(config, model=model, data=data)
    train = replace(config.train, precision=precision, compile=compiled)
    return replace(config, train=train)


class Clock(Callback):
    """When each step ended, every few steps: waiting for each would slow them."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.ends: list[float] = []

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        if trainer.global_step % self.every == 0:
            synchronize()
            self.ends.append(time.perf_counter())
            spent = self.ends[-1] - self.ends[0]
            trainer.should_stop = len(self.ends) > 3 and spent > _TIMED_SECONDS


def time_training(config: Config, peak: float) -> dict[str, Any]:
    """Of made-up pictures, in memory as those of a run are."""
    steps, every = (4, 1) if REHEARSE else (100, 5)
    size, rows = config.data.resolution, config.data.batch_size
    codec: Codec = PIXELS
    if config.model.autoencoder is not None:  # which training never calls
        factor, channels = latent_shape(config.model, size)
        codec = Latents(None, factor, [0.0] * channels, [1.0] * channels, config.model.sigma_data)
    count, random = 2 * rows, np.random.default_rng(0)
    shape = (count, *codec.grid(size), codec.channels)
    kept = random.integers(0, 2, shape).astype(codec.dtype)
    codec = Patches(codec, config.model.patch)
    pose = random.integers(0, NUM_POSES, count)
    one, azimuth = np.ones(count, np.float32), pose * np.float32(360 / NUM_POSES)
    labels = PoseLabels(pose, one, azimuth, pose[:, None], one[:, None], np.zeros(count, bool))
    ids = np.arange(count)
    data = PosedImages(
        LabelledImages(kept, labels),
        PoseRing(np.arange(NUM_POSES) * 360.0 / NUM_POSES, 1.0),
        ids,
        ids[:1],
        rows,
        0.0,
        steps,
        0,
    )
    denoiser = PoseDenoiser.build(config.model, size, NUM_POSES, codec)
    if config.train.compile:
        denoiser.unet.compile()
    clock = Clock(every)
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    with tempfile.TemporaryDirectory() as scratch:
        make_trainer(
            replace(config.train, steps=steps),
            Path(scratch),
            [WarmupEMA(config.train.ema_decay), clock],
            devices=1,
            limit_val_batches=0,
            logger=False,
            enable_checkpointing=False,
        ).fit(PoseDiffusion(denoiser, config.train), data)
    spans = np.diff(clock.ends)[1 if len(clock.ends) > 3 else 0 :] / every  # the first are warm-up
    rate = rows / float(np.median(spans))
    cost = count_cost(config.model, codec.grid(size)[1], codec.channels)
    memory = torch.cuda.max_memory_allocated() / 1e9 if torch.cuda.is_available() else None
    return {
        "images_per_second": round(rate, 1),
        "tflops": round(rate * cost.flops / 1e12, 4),
        "mfu": round(rate * cost.flops / peak, 4),
        "memory_gb": memory and round(memory, 2),
        "estimated_memory_gb": round(cost.memory_gb(rows, config.train.precision == "bf16"), 2),
    }
