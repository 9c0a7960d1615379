"""From posed photos of objects to a ring of views of each.

Objects pass together: their photos go to noise in one batch, and so do all their views at each
noise level. A view depends on its object's photos, its azimuth and the seed, never on what is
turned beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from operator import itemgetter

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mirage.config import ViewsConfig
from mirage.core.angles import circular_distance
from mirage.core.contracts import ByteArray, FloatArray, Orbit, PoseCondition, PosedPhoto, PoseRing
from mirage.model.cross_frame import AttentionTape, taped
from mirage.model.denoiser import PoseDenoiser
from mirage.model.inference import casts_kept
from mirage.sampler.guidance import guidances, guide
from mirage.sampler.invert import invert
from mirage.sampler.noise import (
    image_key,
    mix_noise,
    nearest_noise,
    reference_noise,
    view_noise,
)
from mirage.sampler.reference import FixedNoise, ReferenceTrack
from mirage.sampler.schedule import karras_sigmas
from mirage.sampler.sequence import Watch, solve_in_turn
from mirage.sampler.shared import Reference, SharedDenoiser
from mirage.sampler.solve import SOLVERS, Observer
from mirage.sampler.targets import between_poses, join_conditions, nearest_pose


@dataclass(frozen=True)
class Turn:
    """An object to turn.

    Attributes:
        photos: of it, at the denoiser's resolution, with their poses on the ring.
        azimuths: [V] degrees on the ring that it is turned to.
        draft: [V, H, W, 3] uint8, views to begin with: they get noise of level
            `views.refine_sigma`, and are denoised from there (SDEdit, arXiv 2108.01073).
    """

    photos: Sequence[PosedPhoto]
    azimuths: FloatArray
    draft: ByteArray | None = None


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
    """As `sample_orbits`, of one object."""
    (orbit,) = sample_orbits(denoiser, ring, [Turn(photos, azimuths, draft)], config, observe, weak)
    return orbit


@torch.no_grad()
def sample_orbits(
    denoiser: PoseDenoiser,
    ring: PoseRing,
    turns: Sequence[Turn],
    config: ViewsConfig,
    observe: Observer | None = None,
    weak: PoseDenoiser | None = None,
) -> list[Orbit]:
    """Turn each object to each of its azimuths, by `config.mode`.

    Args:
        observe: called with (step, σ, clean estimate [V, C, H, W]) at every solver step, with the
            views of all objects that pass together; where views are made in turn, with one view.
        weak: a worse version of the model, of the same poses, for `views.weak_guidance`.
    """
    orbits: dict[int, Orbit] = {}
    with ExitStack() as tapes:
        tapes.enter_context(casts_kept(denoiser.embedding.pose.weight.device))
        shared = _on_tape(denoiser, config, tapes)
        critic = None if weak is None else _on_tape(weak, config, tapes)
        sampler = _Sampler(shared, critic, ring, config, observe)
        for batch in _batches(turns, config):
            made = sampler.turn([turns[i] for i in batch])
            orbits |= zip(batch, made, strict=True)
    return [orbits[i] for i in range(len(turns))]


def _batches(turns: Sequence[Turn], config: ViewsConfig) -> Iterator[list[int]]:
    """The objects that pass together: alike in number, and their photos within one chunk."""
    alike: dict[tuple[int, int, bool], list[int]] = {}
    for i, turn in enumerate(turns):
        numbers = len(turn.photos), len(turn.azimuths), turn.draft is None
        alike.setdefault(numbers, []).append(i)
    for (photos, _, _), members in alike.items():
        size = 1 if config.previous > 0 else max(1, config.chunk // photos)
        yield from (members[start : start + size] for start in range(0, len(members), size))


def make_tape(config: ViewsConfig) -> AttentionTape:
    """A tape that shares where and how the configuration says."""
    return AttentionTape(config.share == "concat", config.share_sides)


def _on_tape(denoiser: PoseDenoiser, config: ViewsConfig, tapes: ExitStack) -> SharedDenoiser:
    low, high = config.share_interval
    tape = tapes.enter_context(taped(denoiser.unet, make_tape(config)))
    return SharedDenoiser(denoiser, tape, None, config.chunk, (low, high), config.precision)


@dataclass(frozen=True)
class _Sampler:
    """Turns objects that are alike in their numbers of photos (P) and views (V), all at once.

    Attributes:
        critic: the weak model; None where there is none.
    """

    shared: SharedDenoiser
    critic: SharedDenoiser | None
    ring: PoseRing
    config: ViewsConfig
    observe: Observer | None

    def turn(self, turns: Sequence[Turn]) -> list[Orbit]:
        config, denoiser, before = self.config, self.shared.denoiser, self.num_forwards
        sigmas = karras_sigmas(config.steps, config.sigma_min, config.sigma_max, config.rho)
        photos = [photo for turn in turns for photo in turn.photos]
        own = _own_poses(photos, self.device)
        track = None if config.mode == "none" else self._enter(photos, own, sigmas)
        noise = self._first_noise(turns, None if track is None else track.at(sigmas[0]) / sigmas[0])
        drafts = [turn.draft for turn in turns if turn.draft is not None]
        if drafts:
            sigmas = [sigma for sigma in sigmas if sigma <= config.refine_sigma]
            begun = denoiser.encode(torch.from_numpy(np.concatenate(drafts)).to(self.device))
            noise = noise + begun / sigmas[0]
        targets = join_conditions([between_poses(self.ring, turn.azimuths) for turn in turns])
        solve = _Solve(self, targets.map(lambda x: x.to(self.device)), noise, sigmas)
        reference = None
        if track is not None and config.mode in ("soft", "hard"):
            reference = self._look_at(turns, track, own)
        if reference is None or config.previous == 0:
            views = solve(reference, slice(None))
        else:  # of one object
            azimuths = turns[0].azimuths
            order = circular_distance(azimuths, photos[0].azimuth).argsort(kind="stable")
            views = solve_in_turn(solve, reference, solve.targets, azimuths, order, config.previous)
        frames = denoiser.codec.show(views).cpu().numpy()
        forwards = (self.num_forwards - before) // len(turns)  # objects are alike
        return [
            self._orbit(turn, shown, forwards)
            for turn, shown in zip(turns, np.split(frames, len(turns)), strict=True)
        ]

    @property
    def device(self) -> torch.device:
        return self.shared.denoiser.embedding.pose.weight.device

    @property
    def num_forwards(self) -> int:
        """Image forwards so far, of both models."""
        return self.shared.num_forwards + (0 if self.critic is None else self.critic.num_forwards)

    def _enter(
        self, photos: Sequence[PosedPhoto], own: PoseCondition, sigmas: Sequence[float]
    ) -> ReferenceTrack:
        """The photos at every noise level, by `config.reference_path`."""
        pixels = torch.from_numpy(np.stack([photo.pixels for photo in photos])).to(self.device)
        images = self.shared.denoiser.encode(pixels)
        if self.config.reference_path == "inversion":
            return invert(lambda x, sigma: self.shared.alone(x, sigma, own), images, sigmas)
        shape = self.shared.denoiser.shape
        draws = [reference_noise(self.config.seed, image_key(p.pixels), shape) for p in photos]
        return FixedNoise(images, torch.cat(draws).to(self.device))

    def _first_noise(self, turns: Sequence[Turn], starts: Tensor | None) -> Tensor:
        """[O·V, C, H, W] of each view's own, mixed with its photos' where those entered.

        Args:
            starts: [O·P, C, H, W] the noise that the photos came to.
        """
        shape, noises = self.shared.denoiser.shape, []
        for i, turn in enumerate(turns):
            key = "".join(image_key(photo.pixels) for photo in turn.photos)
            azimuths = [float(azimuth) for azimuth in turn.azimuths]
            noise = view_noise(self.config.seed, key, azimuths, shape).to(self.device)
            if starts is not None:
                own = np.array([photo.azimuth for photo in turn.photos])
                theirs = starts[i * len(own) : (i + 1) * len(own)]
                near = nearest_noise(theirs, own, turn.azimuths)
                noise = mix_noise(noise, near, self.config.start)
            noises.append(noise)
        return torch.cat(noises)

    def _look_at(
        self, turns: Sequence[Turn], track: ReferenceTrack, own: PoseCondition
    ) -> Reference:
        """The photos, for the views of each object to look at."""
        photos = [photo for turn in turns for photo in turn.photos]
        objects = mask = None
        if len(turns) > 1:
            every = torch.arange(len(turns), device=self.device)
            objects = every.repeat_interleave(len(turns[0].azimuths))
        if self.config.share_foreground:
            mask = _masks(photos, self.shared.denoiser).to(self.device)
        return Reference(track, own, len(turns[0].photos), objects, mask)

    def _orbit(self, turn: Turn, frames: ByteArray, forwards: int) -> Orbit:
        return Orbit(
            reference=turn.photos[0].pixels,
            frames=frames,
            azimuth=np.asarray(turn.azimuths, dtype=np.float64),
            pose=nearest_pose(self.ring, turn.azimuths),
            reference_pose=turn.photos[0].pose,
            num_forwards=forwards,
        )


@dataclass(frozen=True)
class _Solve:
    """Makes some of the views, which look at what they are given (see `sequence.Solve`).

    Attributes:
        targets: the poses asked for of all views. noise: [N, C, H, W] that they start from.
        sigmas: levels falling to 0.
    """

    sampler: _Sampler
    targets: PoseCondition
    noise: Tensor
    sigmas: Sequence[float]

    def __call__(
        self, seen: Reference | None, rows: slice, watch: Watch = lambda same: same
    ) -> Tensor:
        shared, critic, config = self.sampler.shared, self.sampler.critic, self.sampler.config
        shared.look_at(seen)
        if critic is not None:
            critic.look_at(seen)
        guided = guide(shared, self.targets.map(itemgetter(rows)), guidances(config, critic))
        solver = SOLVERS[config.solver]
        return solver(watch(guided), self.noise[rows], self.sigmas, self.sampler.observe)


def _own_poses(photos: Sequence[PosedPhoto], device: torch.device) -> PoseCondition:
    """The poses of the photos themselves."""
    pose = torch.tensor([photo.pose for photo in photos])
    azimuth = torch.tensor([photo.azimuth for photo in photos], dtype=torch.float32)
    return PoseCondition(pose.to(device), azimuth.to(device))


def _masks(photos: Sequence[PosedPhoto], denoiser: PoseDenoiser) -> Tensor:
    """[R, h, w] in [0, 1], where each photo shows its object; everywhere if nobody knows."""
    side = denoiser.shape[2]
    masks = [np.ones((1, 1)) if photo.mask is None else photo.mask for photo in photos]
    resized = [
        F.interpolate(torch.from_numpy(mask)[None, None].float(), (side, side), mode="bilinear")
        for mask in masks
    ]
    return torch.cat(resized)[:, 0, denoiser.rows]
