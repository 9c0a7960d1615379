"""How far poses hang on the last bits of what they are found in.

    python benchmarks/quality/stability.py RUN [COUNT] [TRIALS]

The run has its images. Of its photos, COUNT are drawn at random (2000), and poses are found in them
by the run's settings: once on one thread, once on two, and TRIALS times (3) with every feature
changed by a random share of about 1e-6 of it. Azimuths are compared as they are: offset and
direction of the ring must be the same, too.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from mirage.config import Config
from mirage.config.load import load_config
from mirage.core.angles import circular_distance
from mirage.core.contracts import ByteArray, FloatArray, IntArray
from mirage.distributed.device import device
from mirage.features.backbone import Backbone, load_backbone
from mirage.images.image_set import ImageSet, open_images
from mirage.poses.bank import PoseBank
from mirage.poses.description.describe import describe
from mirage.poses.description.described import Sampled
from mirage.poses.fit import fit_bank
from mirage.runs.folder import RunFolder

_RELATIVE = 1e-6


class KeptFeatures:
    """A backbone that looks at each batch once, and then says the same again, or nearly.

    Attributes:
        perturb: what is done to features that are said.
    """

    def __init__(self, backbone: Backbone) -> None:
        self._backbone, self._kept = backbone, dict[int, Tensor]()
        self.perturb: Callable[[Tensor], Tensor] = lambda features: features

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backbone, name)

    def __call__(self, images: ByteArray) -> Tensor:
        key = hash(images.tobytes())
        if key not in self._kept:
            self._kept[key] = self._backbone(images)
        return self.perturb(self._kept[key])


def main(run: str, count: str = "2000", trials: str = "3") -> None:
    """Print a row for each way, with how far azimuths are from those of the first."""
    config, images = load_config([f"run={run}"]), open_images(RunFolder(Path(run))["images"])
    ids = np.sort(np.random.default_rng(0).permutation(len(images))[: int(count)])
    backbone = KeptFeatures(load_backbone(config.backbone, device()))
    print(f"{len(ids)} photos; degrees from the first row")
    print("                 median      99%      most   poses  ring score  mean confidence")
    first = _find("1 thread", config, images, ids, backbone, 1, None)
    _find("2 threads", config, images, ids, backbone, 2, first)
    for trial in range(int(trials)):
        random = torch.Generator().manual_seed(trial)
        backbone.perturb = partial(_perturbed, random=random)
        _find(f"perturbed {trial}", config, images, ids, backbone, 1, first)


def _perturbed(features: Tensor, random: torch.Generator) -> Tensor:
    return features * (1 + _RELATIVE * torch.randn(features.shape, generator=random))


def _find(
    name: str,
    config: Config,
    images: ImageSet,
    ids: IntArray,
    backbone: KeptFeatures,
    num_threads: int,
    first: FloatArray | None,
) -> FloatArray:
    """[n] degrees of the photos, after a row is printed of how they differ from the first."""
    torch.set_num_threads(num_threads)
    everything = np.arange(len(ids))
    with threadpool_limits(num_threads), TemporaryDirectory() as work:
        described = describe(
            lambda rows: images.batches(ids[rows], backbone.size, backbone.config.batch_size),
            len(ids),
            everything,
            cast(Backbone, backbone),
            config.parts,
            config.poses,
            Path(work),
        )
        sample = described.read_sample()
        bank = fit_bank(sample, backbone.config, described.encoder, config.poses)
    return _told(name, bank, sample, first)


def _told(name: str, bank: PoseBank, sample: Sampled, first: FloatArray | None) -> FloatArray:
    labels = bank.assign_descriptors(sample.photos, sample.mirrored)
    apart = circular_distance(labels.azimuth, labels.azimuth if first is None else first)
    middle, most = np.median(apart), apart.max()
    print(
        f"{name:<14}{middle:>8.2f}°{np.quantile(apart, 0.99):>8.2f}°{most:>8.2f}°"
        f"{bank.num_poses:>8}{bank.ring.score:>12.2f}{labels.confidence.mean():>17.2f}",
        flush=True,
    )
    return np.asarray(labels.azimuth)


if __name__ == "__main__":
    main(*sys.argv[1:])
