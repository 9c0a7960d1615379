"""Where views get unlike photos: in the autoencoder, or at which noise levels of the model.

    python benchmarks/quality/noise_levels.py RUN [MODEL]

RUN has poses and held-out photos, MODEL is a folder of weights that know its ring (RUN/model).
Held-out photos are brought to a noise level and denoised from there, in their own poses, by the
guidance that the weights bring, with nothing of another photo: at the highest level that is all of
sampling. What comes out is compared with the other held-out photos. The codec's row bounds all rows
below it, and each row adds the noise levels between it and the one above.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mirage.config import ViewsConfig
from mirage.config.changes import changed
from mirage.config.load import load_config
from mirage.core.contracts import HELDOUT, ByteArray, FloatArray, IntArray, PoseCondition
from mirage.distributed.device import device
from mirage.features.backbone import Backbone, load_backbone
from mirage.images.image_set import ImageSet
from mirage.metrics.sets import DISTANCES
from mirage.metrics.views import pool
from mirage.model.cross_frame import taped
from mirage.model.denoiser import PoseDenoiser
from mirage.model.inference import ready
from mirage.poses.bank_file import load_bank
from mirage.poses.labels import read_labels
from mirage.runs.folder import BANK_FILE, LABELS_FILE, RunFolder
from mirage.sampler.export import load_pipeline, read_settings
from mirage.sampler.guidance import guidances, guide
from mirage.sampler.orbit import make_tape
from mirage.sampler.schedule import sigmas_of
from mirage.sampler.shared import SharedDenoiser
from mirage.sampler.solve import SOLVERS
from mirage.sampler.targets import between_poses
from mirage.training.framed import open_framed

_PHOTOS = 128  # that are denoised
_FROM = (0.1, 0.4, 1.6, 20.0)  # noise levels σ
_FEWEST = 6  # steps from a low one
_AT_ONCE = 64


@torch.no_grad()
def main(run: str, model: str | None = None) -> None:
    """Print a row for the autoencoder, and for each noise level."""
    folder = RunFolder(Path(run))
    weights = Path(model) if model else folder["model"]
    images, _ = open_framed(load_config([f"run={run}"]), folder)
    held_out = np.random.default_rng(0).permutation(images.ids(HELDOUT))
    some, others = np.sort(held_out[:_PHOTOS]), np.sort(held_out[_PHOTOS:])
    pipeline = load_pipeline(weights)
    denoiser, side = ready(pipeline.denoiser, device()), pipeline.denoiser.resolution
    photos = _photos(images, some, side)
    codec, settings = denoiser.codec, changed(read_settings(weights), {"mode": "none"}, "views")
    own = read_labels(folder["poses"] / LABELS_FILE).azimuth[some].astype(np.float64)
    poses = between_poses(pipeline.ring, own)
    backbone = load_backbone(load_bank(folder["poses"] / BANK_FILE).backbone, device())
    wanted = _pooled(backbone, _photos(images, others, side))
    print(f"{len(some)} photos from {len(others)} others        FD   KID x 1000")

    def tell(name: str, pictures: ByteArray) -> None:
        found = _pooled(backbone, pictures)
        fd, kid = (DISTANCES[name](found, wanted) for name in ("fd", "kid"))
        print(f"{name:<28}{fd:>9.2f}{1000 * kid:>13.2f}", flush=True)

    tell("photos", photos)
    seen = codec.load(codec.keep(torch.from_numpy(photos).to(device())))
    tell("through the codec", codec.show(seen).cpu().numpy())
    noise = torch.randn(seen.shape, generator=torch.Generator().manual_seed(0)).to(seen)
    for sigma in _FROM:
        views = _denoised(denoiser, seen, noise, poses, settings, sigma)
        tell(f"denoised from σ = {sigma}", codec.show(views).cpu().numpy())


def _denoised(
    denoiser: PoseDenoiser,
    seen: Tensor,
    noise: Tensor,
    poses: PoseCondition,
    settings: ViewsConfig,
    sigma: float,
) -> Tensor:
    """[B, C, H, W] what sampling comes to from `seen` and noise of level σ."""
    steps = max(_FEWEST, sum(level <= sigma for level in sigmas_of(settings.sampler)))
    settings = changed(settings, {"sampler.sigma_max": sigma, "sampler.steps": steps}, "views")
    sampler, sigmas = settings.sampler, sigmas_of(settings.sampler)
    with taped(denoiser.unet, make_tape(settings)) as tape:
        shared = SharedDenoiser(denoiser, tape, None, sampler.chunk, sampler.precision)
        guided: Callable[[Tensor, float], Tensor] = guide(shared, poses, guidances(settings))
        views: Tensor = SOLVERS[sampler.solver](guided, seen / sigmas[0] + noise, sigmas)
    return views


def _photos(images: ImageSet, ids: IntArray, side: int) -> ByteArray:
    """[N, side, side, 3] framed as the model sees them."""
    return np.concatenate([photos for _, photos in images.batches(ids, side, _AT_ONCE)])


def _pooled(backbone: Backbone, pictures: ByteArray) -> FloatArray:
    parts = np.array_split(pictures, -(-len(pictures) // _AT_ONCE))
    return np.concatenate([pool(backbone(part)) for part in parts])


if __name__ == "__main__":
    main(*sys.argv[1:])
