"""Time the way of photos to a training step against a DataLoader that gathers each photo twice.

Both read the same memory-mapped cache, draw by the same probabilities and end with a batch on the
device: photos, half of them mirror images, and their labels. Ours mirrors on the device; the part
that the host does before is timed by itself, too, for with a GPU it is all that processors do.
`python benchmarks/data_path.py --help` lists the options.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

# As in kmeans.py: a thread that waits must not burn a processor that another one needs.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
from paired import print_table, print_versions, take_turns
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from mirage.core.contracts import PoseLabels, PoseRing
from mirage.datamodules.balance import balanced_probabilities
from mirage.datamodules.batches import Loader, Share, StepBatches
from mirage.datamodules.draws import draw_columns, draw_weighted
from mirage.datamodules.labelled import LabelledImages
from mirage.datamodules.store import open_store

NUM_POSES = 24
OURS, HOST, PEER = "mirage", "mirage, the host's part", "DataLoader, gathers twice"
DRAWN = 32  # steps of a round of draws


def make_labels(count: int) -> tuple[PoseLabels, PoseLabels]:
    """Of photos and of their mirror images: poses of unequal numbers, three candidates each."""
    random = np.random.default_rng(0)
    share = np.arange(1, NUM_POSES + 1) / np.arange(1, NUM_POSES + 1).sum()
    pose = random.choice(NUM_POSES, count, p=share)
    topk = np.stack([pose, (pose + 1) % NUM_POSES, (pose - 1) % NUM_POSES], axis=1)
    weight = np.tile(np.array([0.7, 0.2, 0.1], np.float32), (count, 1))
    sure = random.random(count, dtype=np.float32)

    def labels(topk: np.ndarray) -> PoseLabels:
        azimuth = (360 / NUM_POSES * topk[:, 0]).astype(np.float32)
        return PoseLabels(topk[:, 0], sure, azimuth, topk, weight, np.zeros(count, bool))

    return labels(topk), labels(-topk % NUM_POSES)


class Twice(Dataset):
    """The peer: every photo and its reversed copy are gathered, then one of the two is taken."""

    def __init__(
        self, images: LabelledImages, ring: PoseRing, probabilities: np.ndarray, batch_size: int
    ) -> None:
        self.images, self.ring, self.probabilities = images, ring, probabilities
        self.batch_size = batch_size

    def __len__(self) -> int:
        return sys.maxsize

    def __getitem__(self, step: int) -> dict[str, Tensor]:
        random = np.random.default_rng([0, step])
        ids = random.choice(len(self.probabilities), self.batch_size, p=self.probabilities)
        column = draw_columns(random, self.images.labels.topk_weight[ids])
        return self.make(ids, column, random.random(self.batch_size) < 0.5)

    def make(self, ids: np.ndarray, column: np.ndarray, flip: np.ndarray) -> dict[str, Tensor]:
        """The batch of these draws."""
        images = self.images
        assert images.flipped is not None
        upright = self._take(images.pixels, images.labels, ids, column)
        mirrored = self._take(images.pixels[:, :, ::-1], images.flipped, ids, column)
        chosen = torch.from_numpy(flip)
        return {
            name: torch.where(chosen.view(-1, *[1] * (value.ndim - 1)), mirrored[name], value)
            for name, value in upright.items()
        }

    def _take(
        self, pixels: np.ndarray, labels: PoseLabels, ids: np.ndarray, column: np.ndarray
    ) -> dict[str, Tensor]:
        pose = labels.topk[ids, column]
        azimuth = np.where(column == 0, labels.azimuth[ids], self.ring.azimuth[pose])
        return {
            "image": torch.from_numpy(pixels[ids]),
            "pose": torch.from_numpy(pose.astype(np.int64)),
            "azimuth": torch.from_numpy(azimuth.astype(np.float32)),
            "confidence": torch.from_numpy(labels.confidence[ids].astype(np.float32)),
        }


def compare(count: int, batch_size: int, work: Path, args: argparse.Namespace) -> bool:
    """Gate and timings of one size of cache and of batch; whether the batches agree."""
    device, size = torch.device(args.device), args.resolution
    path = work / f"{count}.npy"
    if not path.exists():
        pixels = np.lib.format.open_memmap(path, "w+", np.uint8, (count, size, size, 3))
        random = np.random.default_rng(0)
        for start in range(0, count, 1000):
            part = pixels[start : start + 1000]
            part[:] = random.integers(0, 256, part.shape, np.uint8)
    labels, flipped = make_labels(count)
    images = LabelledImages(np.load(path, mmap_mode="r"), labels, flipped)
    ring = PoseRing(np.arange(NUM_POSES) * 360.0 / NUM_POSES, 1.0)
    probabilities = balanced_probabilities([labels.pose, flipped.pose], NUM_POSES, 0.5)
    store, share = open_store(images, device, args.gpu_memory), Share(batch_size)
    draw = draw_weighted(np.arange(count), probabilities)

    def draw_steps(run: int, places: slice) -> tuple[np.ndarray, np.ndarray]:
        random = np.random.default_rng([0, run])
        ids = draw(random, places)
        return ids, draw_columns(random, labels.topk_weight[ids])

    batches = StepBatches(images, store, ring, share, draw_steps)
    peer = Twice(images, ring, probabilities, batch_size)
    ids, column = (drawn[:batch_size] for drawn in draw_steps(0, slice(0, DRAWN * batch_size)))
    expected, found = peer.make(ids, column, np.arange(batch_size) % 2 == 1), batches[0]
    equal = all(torch.equal(found[name].cpu(), value) for name, value in expected.items())

    steps, begin = args.photos // batch_size, 0

    def ours() -> None:
        nonlocal begin
        begin += steps  # other photos every round, as in a training
        for _ in Loader(batches, begin + steps, lambda: begin, ahead=device.type != "cpu"):
            pass
        wait(device)

    def host() -> None:
        for step in range(begin, begin + steps):
            batches.fetch(step)

    def twice() -> None:
        for batch in DataLoader(peer, None, sampler=range(begin, begin + steps)):
            for value in batch.values():
                value.to(device)
        wait(device)

    contenders = {OURS: ours, HOST: host, PEER: twice}
    for run in contenders.values():  # the first run reads the cache from the disk
        run()
    seconds, _ = take_turns(contenders, args.rounds)
    notes = {
        name: f"{steps * batch_size / np.median([took.wall for took in own]):,.0f} images/s"
        for name, own in seconds.items()
    }
    where = "on the GPU" if store.resident else "in main memory"
    title = f"{count} photos of {size} px {where}, {steps} batches of {batch_size} on {device}"
    print_table(title, seconds, OURS, notes)
    ratios = [peer.wall / own.wall for peer, own in zip(seconds[PEER], seconds[HOST], strict=True)]
    print(f"the host's part alone is {np.median(ratios):.2f} times as fast as the peer's whole")
    return equal


def wait(device: torch.device) -> None:
    """Until the device has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def compare_draws(count: int, batch_size: int, args: argparse.Namespace) -> None:
    """Timings of drawing alone, of sets too large to make up."""
    probabilities = np.random.default_rng(0).random(count)
    probabilities /= probabilities.sum()
    draw, random = draw_weighted(np.arange(count), probabilities), np.random.default_rng(0)

    def choose() -> None:
        for _ in range(DRAWN):
            random.choice(count, batch_size, p=probabilities)

    contenders: dict[str, Callable[[], object]] = {
        OURS: lambda: draw(random, slice(0, DRAWN * batch_size)),
        "rng.choice(p=…)": choose,
    }
    seconds, _ = take_turns(contenders, args.rounds)
    notes = {
        name: f"{1e3 * np.median([took.wall for took in own]) / DRAWN:.4f} ms a step"
        for name, own in seconds.items()
    }
    print_table(f"draws of {batch_size} from {count}, {DRAWN} steps", seconds, OURS, notes)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--num-photos", type=int, nargs="+", default=[7_000, 100_000])
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[64, 512])
    parser.add_argument("--resolution", type=int, default=64)
    parser.add_argument("--draws", type=int, nargs="*", default=[1_000_000, 10_000_000])
    parser.add_argument("--photos", type=int, default=8192, help="in a round")
    parser.add_argument("--gpu-memory", type=float, default=0.25, help="as data.gpu_memory")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print_versions(["torch", "numpy"], args.threads, args.rounds)
    with tempfile.TemporaryDirectory() as temporary:
        equal = [
            compare(count, batch_size, Path(temporary), args)
            for count in args.num_photos
            for batch_size in args.batch_sizes
        ]
    for count in args.draws:
        compare_draws(count, args.batch_sizes[0], args)
    if not all(equal):
        print("\nGATE FAILED: batches of the same draws differ")
    return 0 if all(equal) else 1


if __name__ == "__main__":
    sys.exit(main())
