"""From posed photos of one object to a ring of views."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from operator import itemgetter

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mirage.circle import circular_distance
from mirage.config import ViewsConfig
from mirage.contracts import (
    ByteArray,
    FloatArray,
    Orbit,
    PoseCondition,
    PosedPhoto,
    PoseRing,
    ReferenceEntry,
)
from mirage.model.cross_frame import AttentionTape, Sharpness, taped
from mirage.model.denoiser import PoseDenoiser
from mirage.sampler.entry import enter_reference
from mirage.sampler.guidance import (
    Guidance,
    away_from,
    away_from_blind,
    guide,
    towards_hard_attention,
    towards_pose,
    towards_sharing,
)
from mirage.sampler.noise import (
    image_key,
    mix_noise,
    nearest_noise,
    reference_noise,
    view_noise,
)
from mirage.sampler.reference import ReferenceTrack
from mirage.sampler.schedule import karras_sigmas
from mirage.sampler.sequence import Watch, solve_in_turn
from mirage.sampler.shared import Reference, SharedDenoiser
from mirage.sampler.solve import SOLVERS, Observer
from mirage.sampler.targets import between_poses, nearest_pose


def guidances(config: ViewsConfig, weak: SharedDenoiser | None = None) -> list[Guidance]:
    """The corrections in force in `config.mode`; those of weight 0 cost nothing."""

    def within(interval: Sequence[float], shared: bool = False) -> tuple[float, float]:
        low, high = config.share_interval if shared else (0.0, float("inf"))
        return max(interval[0], low), min(interval[1], high)

    active = [
        Guidance(towards_pose, config.pose_guidance, within(config.pose_interval)),
        Guidance(away_from_blind, config.perturbed_guidance, within(config.perturbed_interval)),
    ]
    if config.mode in ("soft", "hard"):
        within_share = within(config.share_guidance_interval, shared=True)
        active.append(Guidance(towards_sharing, config.share_guidance, within_share))
    if config.mode == "hard":
        sharpness = Sharpness(config.hard_temperature, config.hard_best)
        within_hard = within(config.hard_interval, shared=True)
        active.append(
            Guidance(towards_hard_attention(sharpness), config.hard_guidance, within_hard)
        )
    if weak is not None:
        active.append(Guidance(away_from(weak), config.weak_guidance, within(config.weak_interval)))
    return active


def make_tape(config: ViewsConfig) -> AttentionTape:
    """A tape that shares where and how the configuration says."""
    return AttentionTape(config.share == "concat", config.share_sides)


@torch.inference_mode()
def sample_orbit(
    denoiser: PoseDenoiser,
    ring: PoseRing,
    photos: Sequence[PosedPhoto],
    azimuths: FloatArray,
    config: ViewsConfig,
    observe: Observer | None = None,
    weak: PoseDenoiser | None = None,
    draft: ByteArray | None = None,
) -> Orbit:
    """Turn the object of one or more photos to each of `azimuths`, by `config.mode`.

    Args:
        photos: of one object, at the denoiser's resolution, with their poses on `ring`.
        azimuths: [V] degrees on the ring.
        observe: called with (step, σ, clean estimate [V, C, H, W]) at every solver step; where
            views are made in turn, with one view at a time.
        weak: a worse version of the model, of the same poses, for `views.weak_guidance`.
        draft: [V, H, W, 3] uint8, views to begin with: they get noise of level
            `views.refine_sigma`, and are denoised from there (SDEdit, arXiv 2108.01073).
    """
    device = denoiser.embedding.pose.weight.device
    sigmas = karras_sigmas(config.steps, config.sigma_min, config.sigma_max, config.rho).to(device)
    with ExitStack() as tapes:
        shared = _on_tape(denoiser, config, tapes)
        critic = None if weak is None else _on_tape(weak, config, tapes)
        entering = [] if config.mode == "none" else photos
        entered = [_enter(shared, photo, sigmas, config) for photo in entering]
        tracks = [track for track, _ in entered]
        targets = between_poses(ring, azimuths).map(lambda x: x.to(device))
        noise = _first_noise(denoiser, photos, tracks, azimuths, sigmas, config)
        if draft is not None:
            sigmas = sigmas[sigmas <= config.refine_sigma]
            begun = denoiser.encode(torch.from_numpy(draft).to(device))
            noise = noise + begun / sigmas[0]
        solve = _Solve(shared, critic, targets, noise, sigmas, config, observe)
        shares = config.mode in ("soft", "hard")
        reference = _look_at(photos, tracks, denoiser, config) if shares else None
        if reference is None or config.previous == 0:
            views = solve(reference, slice(None))
        else:
            order = circular_distance(azimuths, photos[0].azimuth).argsort(kind="stable")
            views = solve_in_turn(solve, reference, targets, azimuths, order, config.previous)
    return Orbit(
        reference=photos[0].pixels,
        frames=denoiser.codec.show(views).cpu().numpy(),
        azimuth=np.asarray(azimuths, dtype=np.float64),
        pose=nearest_pose(ring, azimuths),
        reference_pose=photos[0].pose,
        entries=tuple(entry for _, entry in entered),
        num_forwards=shared.num_forwards + (0 if critic is None else critic.num_forwards),
    )


@dataclass(frozen=True)
class _Solve:
    """Makes some of the views, which look at what they are given (see `sequence.Solve`).

    Attributes:
        critic: the weak model; None where there is none.
        targets: the V poses asked for. noise: [V, C, H, W] that the views start from.
        sigmas: [T + 1] falling to 0.
    """

    shared: SharedDenoiser
    critic: SharedDenoiser | None
    targets: PoseCondition
    noise: Tensor
    sigmas: Tensor
    config: ViewsConfig
    observe: Observer | None

    def __call__(
        self, seen: Reference | None, rows: slice, watch: Watch = lambda same: same
    ) -> Tensor:
        self.shared.look_at(seen)
        if self.critic is not None:
            self.critic.look_at(seen)
        corrections = guidances(self.config, self.critic)
        guided = guide(self.shared, self.targets.map(itemgetter(rows)), corrections)
        solver = SOLVERS[self.config.solver]
        return solver(watch(guided), self.noise[rows], self.sigmas, self.observe)


def _on_tape(denoiser: PoseDenoiser, config: ViewsConfig, tapes: ExitStack) -> SharedDenoiser:
    low, high = config.share_interval
    tape = tapes.enter_context(taped(denoiser.unet, make_tape(config)))
    return SharedDenoiser(denoiser, tape, None, config.chunk, (low, high))


def _enter(
    shared: SharedDenoiser, photo: PosedPhoto, sigmas: Tensor, config: ViewsConfig
) -> tuple[ReferenceTrack, ReferenceEntry]:
    image = shared.denoiser.encode(torch.from_numpy(np.array(photo.pixels[None])).to(sigmas.device))
    own = _own_poses([photo], sigmas.device)
    noise = reference_noise(config.seed, image_key(photo.pixels), tuple(image.shape[1:]))
    return enter_reference(
        lambda x, sigma: shared.alone(x, sigma, own), image, noise.to(sigmas.device), sigmas, config
    )


def _own_poses(photos: Sequence[PosedPhoto], device: torch.device) -> PoseCondition:
    return PoseCondition(
        torch.tensor([photo.pose for photo in photos], device=device),
        torch.tensor([photo.azimuth for photo in photos], device=device).float(),
    )


def _first_noise(
    denoiser: PoseDenoiser,
    photos: Sequence[PosedPhoto],
    tracks: Sequence[ReferenceTrack],
    azimuths: FloatArray,
    sigmas: Tensor,
    config: ViewsConfig,
) -> Tensor:
    """[V, C, H, W] of each view's own, mixed with the nearest photo's where photos entered."""
    key = "".join(image_key(photo.pixels) for photo in photos)
    noise = view_noise(config.seed, key, [float(a) for a in azimuths], denoiser.shape)
    noise = noise.to(sigmas.device)
    if not tracks:
        return noise
    own = np.array([photo.azimuth for photo in photos])
    starts = torch.cat([track.at(sigmas[0]) / sigmas[0] for track in tracks])
    return mix_noise(noise, nearest_noise(starts, own, azimuths), config.start)


def _look_at(
    photos: Sequence[PosedPhoto],
    tracks: Sequence[ReferenceTrack],
    denoiser: PoseDenoiser,
    config: ViewsConfig,
) -> Reference:
    """The photos, for views to look at."""
    device = denoiser.embedding.pose.weight.device
    mask = _masks(photos, denoiser.shape[1], device) if config.share_foreground else None
    return Reference(tracks, _own_poses(photos, device), mask=mask)


def _masks(photos: Sequence[PosedPhoto], side: int, device: torch.device) -> Tensor:
    """[R, side, side] in [0, 1], where each photo shows its object; everywhere if nobody knows."""
    masks = [np.ones((1, 1)) if photo.mask is None else photo.mask for photo in photos]
    resized = [
        F.interpolate(torch.from_numpy(mask)[None, None].float(), (side, side), mode="bilinear")
        for mask in masks
    ]
    return torch.cat(resized)[:, 0].to(device)
