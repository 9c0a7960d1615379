"""Every experiment that is shipped builds and takes two steps on a GPU.

At its own sizes, but for the batch and what it would fetch from the hub; those that stand for the
others are also tried in the loop, with narrow networks.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from lightning.pytorch.callbacks import Callback
from virtual_gpu import VirtualGPU

from mirage.callbacks.ema import WarmupEMA
from mirage.config import Config
from mirage.config.load import load_config
from mirage.core.contracts import PoseLabels, PoseRing
from mirage.datamodules.labelled import LabelledImages
from mirage.datamodules.pairs import BackTranslated, PairedImages
from mirage.datamodules.posed import PosedImages
from mirage.model.codec import PIXELS, Codec, Latents
from mirage.model.denoiser import PoseDenoiser
from mirage.model.lit import PoseDiffusion
from mirage.model.paired import PairedDiffusion
from mirage.training.fitting import make_trainer

pytestmark = pytest.mark.virtual_gpu
EXPERIMENTS = sorted((Path(__file__).parents[2] / "experiments" / "experiment").glob("*.yaml"))
PHOTOS, POSES = 6, 4
NARROW = ("turntable_cars_32", "photos_128")  # of pixels; of latents
CASES = [
    *(pytest.param(path.stem, None, marks=pytest.mark.e2e) for path in EXPERIMENTS),
    *(pytest.param(name, 32, id=f"{name}-narrow") for name in NARROW),
]


def codec_of(config: Config) -> Codec:
    """The pixels, or latents of eight pixels a side as of the autoencoders on the hub."""
    if config.model.autoencoder is None:
        return PIXELS
    torch.manual_seed(0)
    autoencoder = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(8,) * 4,
        norm_num_groups=4,
        latent_channels=4,
    ).eval()
    return Latents(autoencoder, 8, [0.0] * 4, [1.0] * 4, config.model.sigma_data)


def photos(config: Config, codec: Codec) -> LabelledImages:
    """Noise, as the codec keeps pictures."""
    pose = np.arange(PHOTOS) % POSES
    one = np.ones(PHOTOS)
    labels = PoseLabels(pose, one, pose * 90.0, pose[:, None], one[:, None], np.zeros(PHOTOS, bool))
    side = config.data.resolution // codec.factor
    noise = np.random.default_rng(0).integers(0, 256, (PHOTOS, side, side, codec.channels))
    kept = noise.astype(codec.dtype)
    return LabelledImages(kept, labels, labels, None if codec is PIXELS else kept)


@pytest.mark.parametrize(("experiment", "width"), CASES)
def test_it_takes_two_steps(
    gpu: VirtualGPU, tmp_path: Path, experiment: str, width: int | None
) -> None:
    config = load_config([f"experiment={experiment}"])
    if width is not None:
        channels = [width] * len(config.model.channels)
        model = replace(config.model, channels=channels, norm_groups=8, head_dim=width)
        config = replace(config, model=model)
    codec = codec_of(config)
    images, ring = photos(config, codec), PoseRing(np.arange(POSES) * 90.0, 0.9)
    train, ids = replace(config.train, steps=2, precision="bf16"), np.arange(PHOTOS)
    told = ring, ids[:4], ids[4:], 2, config.data.balance, 2, 0
    denoiser = PoseDenoiser.build(config.model, config.data.resolution, POSES, codec)
    parts: list[tuple[PoseDiffusion, PosedImages]] = [
        (PoseDiffusion(denoiser, train), PosedImages(images, *told))
    ]
    if config.refine.steps:
        turned = BackTranslated(images, ids, np.arange(len(ids)))
        parts.append((PairedDiffusion(denoiser, train), PairedImages(turned, images, *told)))
    for module, data in parts:
        callbacks: list[Callback] = [WarmupEMA(config.train.ema_decay)]
        trainer = make_trainer(
            train,
            tmp_path,
            callbacks,
            devices=1,
            logger=False,
            enable_checkpointing=False,
            limit_val_batches=0,
        )
        with gpu.count() as tally:
            trainer.fit(module, data)
        assert trainer.global_step == 2 and tally.num_operations > 100
        assert all(weight.isfinite().all() for weight in denoiser.parameters())
