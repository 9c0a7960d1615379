"""Many photos, one view of each: what training on pairs is fed with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from mirage.config import ViewsConfig
from mirage.core.contracts import KeptArray, PoseCondition
from mirage.model.cross_frame import taped
from mirage.model.denoiser import PoseDenoiser
from mirage.model.inference import casts_kept
from mirage.sampler.guidance import guidances, guide
from mirage.sampler.invert import invert
from mirage.sampler.orbit import make_tape
from mirage.sampler.schedule import sigmas_of
from mirage.sampler.shared import References, SharedDenoiser
from mirage.sampler.solve import SOLVERS


@torch.no_grad()
def sample_single_views(
    denoiser: PoseDenoiser,
    photos: KeptArray,
    own: PoseCondition,
    targets: PoseCondition,
    config: ViewsConfig,
) -> Tensor:
    """Photos [B, h, w, C], as they are kept, in poses `own` [B] → [B, C, h, w] in `targets` [B].

    As `sample_orbits` by inversion in mode soft, of what the network sees of photos.
    """
    device = denoiser.embedding.pose.weight.device
    own, targets = (c.map(lambda x: x.to(device)) for c in (own, targets))
    images = denoiser.codec.load(torch.from_numpy(np.array(photos, order="C")).to(device))
    sampler = config.sampler
    sigmas = sigmas_of(sampler)
    with casts_kept(device), taped(denoiser.unet, make_tape(config)) as tape:
        shared = SharedDenoiser(denoiser, tape, None, sampler.chunk, sampler.precision)
        track = invert(lambda x, sigma: shared.alone(x, sigma, own), images, sigmas)
        each = torch.arange(len(images), device=device)
        shared.look_at(References(track, own, photos=1, objects=each))
        guided = guide(shared, targets, guidances(replace(config, mode="soft")))
        views: Tensor = SOLVERS[sampler.solver](guided, track.at(sigmas[0]) / sigmas[0], sigmas)
    return views
