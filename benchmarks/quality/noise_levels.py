"""Where views get unlike photos: in the autoencoder, or at which noise levels of the model.

    python benchmarks/quality/noise_levels.py RUN [MODEL]

RUN has poses and held-out photos, MODEL is the name or the folder of weights that know its ring
(RUN/model). Held-out photos are brought to a noise level and denoised from there, in their own
poses, by the guidance that the weights bring, with nothing of another photo: at the highest level
that is all of sampling. What comes out is compared with the other held-out photos. The codec's row
bounds all rows below it, and each row adds the noise levels between it and the one above.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

import torch
from held_out import HeldOut, weights_of
from torch import Tensor

from mirage.commands.running import status_of
from mirage.config import ViewsConfig
from mirage.config.changes import changed
from mirage.core.contracts import ByteArray, PoseCondition
from mirage.distributed.device import device
from mirage.model.cross_frame import taped
from mirage.model.denoiser import PoseDenoiser
from mirage.model.inference import ready
from mirage.sampler.export import load_pipeline, read_settings
from mirage.sampler.guidance import guidances, guide
from mirage.sampler.orbit import make_tape
from mirage.sampler.schedule import sigmas_of
from mirage.sampler.shared import SharedDenoiser
from mirage.sampler.solve import SOLVERS
from mirage.sampler.targets import between_poses

_PHOTOS = 128  # that are denoised
_FROM = (0.1, 0.4, 1.6, 20.0)  # noise levels σ
_FEWEST = 6  # steps from a low one


@torch.no_grad()
def main(run: str, model: str | None = None) -> None:
    """Print a row for the autoencoder, and for each noise level."""
    weights = weights_of(run, model)
    pipeline = load_pipeline(weights)
    denoiser = ready(pipeline.denoiser, device())
    held_out = HeldOut.draw(run, _PHOTOS, denoiser.resolution)
    held_out.check_ring(weights)
    photos, others = (held_out.photos(ids) for ids in (held_out.some, held_out.others))
    codec, settings = denoiser.codec, changed(read_settings(weights), {"mode": "none"}, "views")
    own = held_out.labels.azimuth[held_out.some].astype(float)
    poses = between_poses(pipeline.ring, own)
    wanted = held_out.pooled(others)
    print(f"{len(photos)} photos from {len(others)} others        FD   KID x 1000")

    def tell(name: str, pictures: ByteArray) -> None:
        fd, kid = held_out.distances(pictures, wanted)
        print(f"{name:<28}{fd:>9.2f}{kid:>13.2f}", flush=True)

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


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("run")
    parser.add_argument("model", nargs="?")
    given = parser.parse_args()
    sys.exit(status_of(lambda: main(given.run, given.model)))
