"""Time training against diffusers' recipe for it, examples/unconditional_image_generation.

Ours is what `mirage train` runs: Lightning's Trainer with our module, data and averaging of the
weights. The recipe is that of train_unconditional.py without accelerate, which on one device only
moves tensors, and so costs it nothing here: photos from a folder through PIL, torchvision and a
DataLoader, DDPM's noise, AdamW, EMAModel, gradients clipped, a cosine schedule, the loss read at
every step. Both train the same UNet2DModel, ours in the precision that train.precision=auto comes
to on this machine, the recipe in that of its default, `--mixed_precision no`, and of bf16.
`python benchmarks/training.py --help` lists the options.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

# As in kmeans.py: a thread that waits must not burn a processor that another one needs.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
from diffusers import UNet2DModel
from paired import print_table, print_versions, take_turns
from photos import make_photos
from PIL import Image
from training_recipe import WARMUP, Recipe

from mirage.callbacks.ema import WarmupEMA
from mirage.callbacks.history import MetricsFile, read_history
from mirage.config import ImagesConfig, ModelConfig, TrainConfig
from mirage.core.contracts import ByteArray, PoseLabels, PoseRing
from mirage.datamodules.cache import build_cache, open_cache
from mirage.datamodules.labelled import LabelledImages
from mirage.datamodules.posed import PosedImages
from mirage.distributed.device import fast_kernels
from mirage.images.image_set import open_images
from mirage.images.manifest import build_manifest
from mirage.model.denoiser import PoseDenoiser
from mirage.model.lit import PoseDiffusion
from mirage.training.fitting import make_trainer
from mirage.training.precision import settle_precision

OURS = "mirage train"
NUM_POSES = 24
MAX_DIFFERENCE = 1e-5  # of the networks' outputs, of standard deviation about 1, in fp32


def make_labels(count: int) -> PoseLabels:
    """Made-up poses, three a photo: what a step costs does not depend on them."""
    random = np.random.default_rng(0)
    topk = np.argsort(random.random((count, NUM_POSES)), axis=1)[:, :3]
    weight = np.tile([0.7, 0.2, 0.1], (count, 1))
    ring = 360.0 / NUM_POSES * topk[:, 0]
    sure = random.random(count)
    return PoseLabels(topk[:, 0], sure, ring, topk, weight, np.zeros(count, bool))


class Ours:
    """A round is a short `mirage train`, from the weights that the last round ended with.

    Lightning's own start, at every round, is timed with it. Not timed are what the recipe has no
    counterpart of here: validation, checkpoints and W&B.
    """

    def __init__(self, pixels: ByteArray, work: Path, args: argparse.Namespace) -> None:
        self.pixels, self.args, self.metrics = pixels, args, work / "metrics.csv"
        torch.manual_seed(0)
        self.denoiser = PoseDenoiser.build(ModelConfig(), args.resolution, NUM_POSES)
        asked = TrainConfig(precision=args.precision)
        self.precision = settle_precision(asked, self.denoiser, args.batch_size)
        self.round = 0

    def train(self) -> float:
        """Mean loss of one round."""
        args, count = self.args, len(self.pixels)
        steps = count // args.batch_size
        self.round += 1
        config = TrainConfig(
            steps=steps,
            warmup_steps=WARMUP,
            seed=self.round,
            precision=self.precision,
            compile=args.compile,
        )
        azimuth = np.arange(NUM_POSES) * 360.0 / NUM_POSES
        ids = np.arange(count)
        data = PosedImages(
            LabelledImages(self.pixels, make_labels(count), make_labels(count)),
            PoseRing(azimuth, 1.0),
            ids,
            ids[:1],
            args.batch_size,
            0.5,
            steps,
            self.round,
        )
        trainer = make_trainer(
            config,
            self.metrics.parent,
            [WarmupEMA(config.ema_decay), MetricsFile(self.metrics, every=1)],
            devices=1,
            limit_val_batches=0,
            logger=False,
            enable_checkpointing=False,
        )
        with fast_kernels():
            trainer.fit(PoseDiffusion(self.denoiser, config), data)
        return float(np.mean([float(row["train_loss"]) for row in read_history(self.metrics)]))


@torch.no_grad()
def network_difference(resolution: int) -> float:
    """Of our network in training from diffusers' with the same weights: largest, of outputs."""
    torch.manual_seed(0)
    denoiser = PoseDenoiser.build(ModelConfig(), resolution, NUM_POSES)
    peer = UNet2DModel.from_config(denoiser.unet.config)
    peer.load_state_dict(denoiser.unet.state_dict())
    ours = PoseDiffusion(denoiser, TrainConfig()).denoiser.unet
    x, time, vector = torch.randn(4, 3, resolution, resolution), torch.rand(4), torch.randn(4, 128)
    found, expected = (
        network(x, time, class_labels=vector).sample for network in (ours, peer.train())
    )
    return float((found - expected).abs().max())


def remembering(train: Callable[[], float], losses: list[float]) -> Callable[[], None]:
    """A contender that keeps the loss of every round."""
    return lambda: losses.append(train())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--photos", type=int, default=768, help="a round sees each about once")
    parser.add_argument("--resolution", type=int, default=32)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--precision", choices=["auto", "fp32", "bf16"], default="auto")
    parser.add_argument("--compile", action="store_true", help="train.compile, of ours")
    parser.add_argument("--workers", type=int, default=2, help="the recipe's loader processes")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        photos, small = work / "photos", work / "small"
        photos.mkdir()
        small.mkdir()
        make_photos(photos, args.photos)
        for path in photos.iterdir():  # the best a user of the recipe can do beforehand
            square = Image.open(path).resize((args.resolution, args.resolution))
            square.save(small / f"{path.stem}.png")
        build_manifest(ImagesConfig(path=str(photos), min_count=2), work / "images")
        images = open_images(work / "images")
        start = time.perf_counter()
        build_cache(
            work / "cache.npy",
            (len(images), args.resolution, args.resolution, 3),
            "photos",
            lambda ids: images.batches(ids, args.resolution, 256),
        )
        cached = time.perf_counter() - start
        ours = Ours(open_cache(work / "cache.npy"), work, args)
        peers = {
            "recipe, photos of 640 × 480 px": Recipe(photos, args, "no"),
            f"recipe, photos of {args.resolution} px": Recipe(small, args, "no"),
            f"recipe, {args.resolution} px, bf16": Recipe(small, args, "bf16"),
        }
        losses: dict[str, list[float]] = {name: [] for name in (OURS, *peers)}
        contenders = {
            OURS: remembering(ours.train, losses[OURS]),
            **{name: remembering(peer.train, losses[name]) for name, peer in peers.items()},
        }
        for run in contenders.values():  # the first run also chooses and compiles kernels
            run()
        print_versions(["diffusers", "lightning", "torch"], args.threads, args.rounds)
        seconds, _ = take_turns(contenders, args.rounds)
    trained = args.photos // args.batch_size * args.batch_size
    notes = {
        name: f"{trained / np.median([took.wall for took in own]):.0f} images/s, "
        f"loss {losses[name][0]:.3f} → {losses[name][-1]:.3f}"
        for name, own in seconds.items()
    }
    sizes = {
        sum(weight.numel() for weight in network.parameters())
        for network in (ours.denoiser.unet, *(peer.unet for peer in peers.values()))
    }
    compiled = ", compiled" * args.compile
    title = (
        f"{args.resolution} px, batches of {args.batch_size}, ours in {ours.precision}{compiled}"
    )
    print_table(f"{title}, {min(sizes)} weights", seconds, OURS, notes)
    print(f"not in the table: the cache of {args.photos} photos, made once, takes {cached:.1f} s")
    falling = all(
        np.isfinite(values).all() and values[-1] < values[0] for values in losses.values()
    )
    difference = network_difference(args.resolution)
    if len(sizes) > 1 or not falling or difference > MAX_DIFFERENCE:
        print(
            f"\nGATE FAILED: networks of {sizes} weights, outputs {difference:.1e} apart, {losses}"
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
