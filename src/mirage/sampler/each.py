"""Many photos, one view of each: what training on pairs is fed with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from mirage.config import ViewsConfig
from mirage.contracts import KeptArray, PoseCondition
from mirage.model.cross_frame import taped
from mirage.model.denoiser import PoseDenoiser
from mirage.sampler.guidance import guide
from mirage.sampler.invert import invert
from mirage.sampler.orbit import guidances, make_tape
from mirage.sampler.schedule import karras_sigmas
from mirage.sampler.shared import Reference, SharedDenoiser
from mirage.sampler.solve import SOLVERS


@torch.inference_mode()
def turn_each(
    denoiser: PoseDenoiser,
    photos: KeptArray,
    own: PoseCondition,
    targets: PoseCondition,
    config: ViewsConfig,
) -> Tensor:
    """Photos [B, h, w, C], as they are kept, in poses `own` [B] → [B, C, h, w] in `targets` [B].

    As `sample_orbit` by inversion in mode soft, with a photo to each view in place of one to all.
    """
    device = denoiser.embedding.pose.weight.device
    own, targets = (c.map(lambda x: x.to(device)) for c in (own, targets))
    images = denoiser.codec.load(torch.from_numpy(np.array(photos, order="C")).to(device))
    sigmas = karras_sigmas(config.steps, config.sigma_min, config.sigma_max, config.rho).to(device)
    settings = replace(config, mode="soft")
    with taped(denoiser.unet, make_tape(config)) as tape:
        shared = SharedDenoiser(denoiser, tape, None, len(photos))
        track = invert(lambda x, sigma: shared.alone(x, sigma, own), images, sigmas)
        shared.look_at(Reference([track], own, together=False))
        guided = guide(shared, targets, guidances(settings))
        start = track.at(sigmas[0]) / sigmas[0]
        views: Tensor = SOLVERS[config.solver](guided, start, sigmas, None)
    return views
