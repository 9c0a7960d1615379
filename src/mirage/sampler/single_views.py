"""Many photos, one view of each: what training on pairs is fed with."""

from __future__ import annotations

from collections.abc import Sequence
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
from mirage.sampler.reference import Inverted
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
        track = _inverted(shared, images, own, sigmas)
        each = torch.arange(len(images), device=device)
        shared.look_at(References(track, own, photos=1, objects=each))
        guided = guide(shared, targets, guidances(replace(config, mode="soft")))
        views: Tensor = SOLVERS[sampler.solver](guided, track.at(sigmas[0]) / sigmas[0], sigmas)
    return views


@torch.no_grad()
def invert_pictures(
    denoiser: PoseDenoiser, pictures: KeptArray, poses: PoseCondition, config: ViewsConfig
) -> Tensor:
    """Pictures [B, h, w, C], as they are kept, in `poses` → [B, C, h, w] the noise of each.

    It is that which the model would make them from, of standard deviation about 1.
    """
    device = denoiser.embedding.pose.weight.device
    images = denoiser.codec.load(torch.from_numpy(np.array(pictures, order="C")).to(device))
    sampler, sigmas = config.sampler, sigmas_of(config.sampler)
    with casts_kept(device), taped(denoiser.unet, make_tape(config)) as tape:
        shared = SharedDenoiser(denoiser, tape, None, sampler.chunk, sampler.precision)
        track = _inverted(shared, images, poses.map(lambda x: x.to(device)), sigmas)
    return track.at(sigmas[0]) / sigmas[0]


def _inverted(
    shared: SharedDenoiser, images: Tensor, poses: PoseCondition, sigmas: Sequence[float]
) -> Inverted:
    return invert(lambda x, sigma: shared.alone(x, sigma, poses), images, sigmas)
