"""How training scales: measured on two processes here, and by counting for many GPUs.

Measured: the same share of a batch for each process, one thread each, so that two processes do
twice the work; the efficiency is what of the doubled rate is left. The processes take turns with
one alone. Counted: what a step computes (floating point operations of forward and backward) over
what a GPU computes, and what an all-reduce of the gradients takes over the links; nothing of it is
hidden behind the backward pass, which DDP does in part, so the efficiency is a lower bound of what
the links allow. `python benchmarks/scaling.py --help` lists the options.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from paired import print_versions, take_turns
from torch.utils.flop_counter import FlopCounterMode

from mirage.config import ModelConfig, TrainConfig
from mirage.core.contracts import PoseCondition, PoseLabels, PoseRing
from mirage.datamodules.labelled import LabelledImages
from mirage.datamodules.posed import PosedImages
from mirage.model.denoiser import PoseDenoiser
from mirage.model.lit import PoseDiffusion

NUM_POSES = 24
NETWORKS = {
    "turntable_cars_32": (ModelConfig(layers_per_block=1), 32),
    "defaults, 64 px": (ModelConfig(), 64),
    "4 × as wide, 64 px": (ModelConfig(channels=[128, 256, 256]), 64),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=int, default=16, help="photos of a step, a process")
    parser.add_argument("--steps", type=int, default=20, help="of a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--gpu-teraflops", type=float, default=989, help="peak, bf16 (an H100)")
    parser.add_argument("--utilisation", type=float, default=0.2, help="of that peak, assumed")
    parser.add_argument("--node-gbyte", type=float, default=300, help="GB/s between GPUs of a node")
    parser.add_argument("--link-gbit", type=float, default=200, help="Gbit/s of a node's network")
    parser.add_argument("--hop-us", type=float, default=10, help="latency of a message, µs")
    parser.add_argument("--batch", type=int, default=64, help="photos of a step, a GPU (counted)")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker is not None:
        work(args)
        return
    print_versions(["torch", "lightning", "numpy"], 1, args.rounds)
    measure(args)
    for name, (config, side) in NETWORKS.items():
        count(name, config, side, args)


def measure(args: argparse.Namespace) -> None:
    """Images a second of one process and of two, in turn."""
    rates: dict[int, list[float]] = {1: [], 2: []}

    def time_one(n: int) -> None:
        rates[n].append(rate_of(n, args))

    take_turns({f"{n}": partial(time_one, n) for n in rates}, args.rounds)
    kept = [two / (2 * one) for one, two in zip(rates[1], rates[2], strict=True)]
    print(f"\nmeasured: turntable_cars_32, {args.share} photos a process, gloo")
    for n, found in rates.items():
        print(f"  {n} process{'es' * (n > 1):2}{statistics.median(found):10.1f} images/s")
    print(
        f"  efficiency {statistics.median(kept):.2f} (least {min(kept):.2f}, most {max(kept):.2f})"
    )


def rate_of(processes: int, args: argparse.Namespace) -> float:
    """Images a second of that many processes."""
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "rate"
        words = [
            __file__,
            "--worker",
            str(found),
            "--share",
            str(args.share),
            "--steps",
            str(args.steps),
        ]
        launcher = [
            "-m",
            "torch.distributed.run",
            "--standalone",
            "--nproc-per-node",
            str(processes),
        ]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        subprocess.run(
            [sys.executable, *launcher, *words], env=environment, check=True, capture_output=True
        )
        return float(found.read_text())


class Clock(Callback):
    """When each step ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_train_batch_end(self, *_: object) -> None:
        self.ends.append(time.perf_counter())


def work(args: argparse.Namespace) -> None:
    """One of the processes."""
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    pose = random.integers(0, NUM_POSES, 256)
    one = np.ones(256, np.float32)
    labels = PoseLabels(pose, one, pose * 15.0, pose[:, None], one[:, None], np.zeros(256, bool))
    pixels = random.integers(0, 256, (256, 32, 32, 3), dtype=np.uint8)
    ring = PoseRing(np.arange(NUM_POSES) * 15.0, 1.0)
    ids = np.arange(256)
    images = LabelledImages(pixels, labels)
    data = PosedImages(images, ring, ids, ids[:1], args.share, 0.0, args.steps, 0)
    config, side = NETWORKS["turntable_cars_32"]
    module = PoseDiffusion(PoseDenoiser.build(config, side, NUM_POSES), TrainConfig())
    clock = Clock()
    world = int(os.environ["WORLD_SIZE"])
    trainer = lightning.Trainer(
        accelerator="cpu",
        devices=world,
        strategy="ddp" if world > 1 else "auto",
        max_steps=args.steps,
        callbacks=[clock],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
        use_distributed_sampler=False,
    )
    trainer.fit(module, data)
    if trainer.is_global_zero:
        steady = np.diff(clock.ends)[2:]
        args.worker.write_text(str(args.share * world / float(np.median(steady))))


def count(name: str, config: ModelConfig, side: int, args: argparse.Namespace) -> None:
    """Efficiency on 8 to 512 GPUs, eight a node."""
    denoiser = PoseDenoiser.build(config, side, NUM_POSES)
    condition = PoseCondition(torch.zeros(1, dtype=torch.int64), torch.zeros(1))
    with FlopCounterMode(display=False) as counter:
        denoiser(torch.randn(1, 3, side, side), torch.ones(1), condition).sum().backward()
    flops = counter.get_total_flops()
    gradients = 4 * sum(p.numel() for p in denoiser.parameters())
    compute = flops * args.batch / (args.gpu_teraflops * 1e12 * args.utilisation)
    print(
        f"\ncounted: {name}: {flops / 1e9:.2f} GFLOP a photo, {gradients / 2**20:.1f} MiB of "
        f"gradients; a step of {args.batch} photos computes {1e3 * compute:.2f} ms at "
        f"{args.utilisation:.0%} of {args.gpu_teraflops:.0f} TFLOP/s"
    )
    print(f"{'GPUs':>8}{'nodes':>8}{'all-reduce ms':>16}{'efficiency ≥':>14}")
    for gpus in (8, 16, 32, 64, 128, 256, 512):
        seconds = all_reduce(gradients, gpus, args)
        kept = compute / (compute + seconds)
        print(f"{gpus:8}{gpus // 8:8}{1e3 * seconds:16.2f}{kept:14.2f}")


def all_reduce(size: float, gpus: int, args: argparse.Namespace) -> float:
    """Seconds: a ring within each node, one among nodes over a share each, trees for latency.

    2 (n − 1) / n of the bytes cross each link of a ring of n (Patarasuk and Yuan 2009).
    """
    nodes = gpus // 8
    within = 2 * 7 / 8 * size / (args.node_gbyte * 1e9)
    among = 2 * (nodes - 1) / nodes * size / (args.link_gbit / 8 * 1e9)
    hops = 2 * (math.log2(8) + math.log2(nodes)) * args.hop_us * 1e-6
    return within + among + hops


if __name__ == "__main__":
    main()
