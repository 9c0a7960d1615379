"""From posed photos of objects to a ring of views of each.

Objects pass together: their photos go to noise in one batch, and so do all their views at each
noise level. A view depends on its object's photos, its azimuth and the seed, never on what is
turned beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mirage.config import ViewsConfig
from mirage.core.contracts import ByteArray, FloatArray, Orbit, PoseCondition, PosedPhoto, PoseRing
from mirage.model.cross_frame import AttentionTape, taped
from mirage.model.denoiser import PoseDenoiser
from mirage.model.inference import casts_kept
from mirage.sampler.guidance import guidances, guide
from mirage.sampler.invert import invert
from mirage.sampler.noise import image_key, mix_noise, nearest_noise, reference_noise, view_noise
from mirage.sampler.reference import FixedNoise, ReferenceTrack
from mirage.sampler.schedule import sigmas_of
from mirage.sampler.shared import References, SharedDenoiser
from mirage.sampler.solve import SOLVERS, Observer
from mirage.sampler.targets import between_poses, join_conditions, nearest_pose


@dataclass(frozen=True)
class OrbitRequest:
    """Which views of an object to sample.

    Attributes:
        photos: of it, at the denoiser's resolution, with their poses on the ring.
        azimuths: [V] degrees on the ring that it is turned to.
    """

    photos: Sequence[PosedPhoto]
    azimuths: FloatArray


def sample_orbit(
    denoiser: PoseDenoiser,
    ring: PoseRing,
    photos: Sequence[PosedPhoto],
    azimuths: FloatArray,
    config: ViewsConfig,
    observe: Observer | None = None,
) -> Orbit:
    """As `sample_orbits`, of one object."""
    (orbit,) = sample_orbits(denoiser, ring, [OrbitRequest(photos, azimuths)], config, observe)
    return orbit


@torch.no_grad()
def sample_orbits(
    denoiser: PoseDenoiser,
    ring: PoseRing,
    requests: Sequence[OrbitRequest],
    config: ViewsConfig,
    observe: Observer | None = None,
) -> list[Orbit]:
    """Turn each object to each of its azimuths, by `config.mode`.

    Args:
        observe: called with (step, σ, clean estimate [V, C, H, W]) at every solver step, with the
            views of all objects that pass together.
    """
    orbits: dict[int, Orbit] = {}
    with (
        casts_kept(denoiser.embedding.pose.weight.device),
        taped(denoiser.unet, make_tape(config)) as tape,
    ):
        shared = SharedDenoiser(
            denoiser, tape, None, config.sampler.chunk, config.sampler.precision
        )
        sampler = _Sampler(shared, ring, config, observe)
        for batch in _batches(requests, config):
            made = sampler.sample([requests[i] for i in batch])
            orbits |= zip(batch, made, strict=True)
    return [orbits[i] for i in range(len(requests))]


def _batches(requests: Sequence[OrbitRequest], config: ViewsConfig) -> Iterator[list[int]]:
    """The objects that pass together: alike in number, and their photos within one chunk."""
    alike: dict[tuple[int, int], list[int]] = {}
    for i, request in enumerate(requests):
        alike.setdefault((len(request.photos), len(request.azimuths)), []).append(i)
    for (photos, _), members in alike.items():
        size = max(1, config.sampler.chunk // photos)
        yield from (members[start : start + size] for start in range(0, len(members), size))


def make_tape(config: ViewsConfig) -> AttentionTape:
    """A tape that shares as the configuration says."""
    return AttentionTape(config.attention == "concat")


@dataclass(frozen=True)
class _Sampler:
    """Turns objects that are alike in their numbers of photos (P) and views (V), all at once."""

    shared: SharedDenoiser
    ring: PoseRing
    config: ViewsConfig
    observe: Observer | None

    def sample(self, requests: Sequence[OrbitRequest]) -> list[Orbit]:
        config, shared, before = self.config, self.shared, self.shared.num_forwards
        sigmas = sigmas_of(config.sampler)
        photos = [photo for request in requests for photo in request.photos]
        own = _own_poses(photos, self.device)
        track = None if config.mode == "none" else self._enter(photos, own, sigmas)
        noise = self._first_noise(
            requests, None if track is None else track.at(sigmas[0]) / sigmas[0]
        )
        targets = join_conditions(
            [between_poses(self.ring, request.azimuths) for request in requests]
        )
        attends = track is not None and config.mode in ("soft", "hard")
        shared.look_at(self._look_at(requests, track, own) if track and attends else None)
        guided = guide(shared, targets.map(lambda x: x.to(self.device)), guidances(config))
        views = SOLVERS[config.sampler.solver](guided, noise, sigmas, self.observe)
        frames = shared.denoiser.codec.show(views).cpu().numpy()
        forwards = (shared.num_forwards - before) // len(requests)  # objects are alike
        return [
            self._orbit(request, shown, forwards)
            for request, shown in zip(requests, np.split(frames, len(requests)), strict=True)
        ]

    @property
    def device(self) -> torch.device:
        return self.shared.denoiser.embedding.pose.weight.device

    def _enter(
        self, photos: Sequence[PosedPhoto], own: PoseCondition, sigmas: Sequence[float]
    ) -> ReferenceTrack:
        """The photos at every noise level, by `config.noise`."""
        pixels = torch.from_numpy(np.stack([photo.pixels for photo in photos])).to(self.device)
        images = self.shared.denoiser.encode(pixels)
        if self.config.noise == "inversion":
            return invert(lambda x, sigma: self.shared.alone(x, sigma, own), images, sigmas)
        shape = self.shared.denoiser.shape
        draws = [reference_noise(self.config.seed, image_key(p.pixels), shape) for p in photos]
        return FixedNoise(images, torch.cat(draws).to(self.device))

    def _first_noise(self, requests: Sequence[OrbitRequest], starts: Tensor | None) -> Tensor:
        """[O·V, C, H, W] of each view's own, mixed with its photos' where those entered.

        Args:
            starts: [O·P, C, H, W] the noise that the photos came to.
        """
        shape, noises = self.shared.denoiser.shape, []
        for i, request in enumerate(requests):
            key = "".join(image_key(photo.pixels) for photo in request.photos)
            azimuths = [float(azimuth) for azimuth in request.azimuths]
            noise = view_noise(self.config.seed, key, azimuths, shape).to(self.device)
            if starts is not None:
                own = np.array([photo.azimuth for photo in request.photos])
                theirs = starts[i * len(own) : (i + 1) * len(own)]
                near = nearest_noise(theirs, own, request.azimuths)
                noise = mix_noise(noise, near, self.config.start)
            noises.append(noise)
        return torch.cat(noises)

    def _look_at(
        self, requests: Sequence[OrbitRequest], track: ReferenceTrack, own: PoseCondition
    ) -> References:
        """The photos, for the views of each object to look at."""
        objects = None
        if len(requests) > 1:
            every = torch.arange(len(requests), device=self.device)
            objects = every.repeat_interleave(len(requests[0].azimuths))
        return References(track, own, len(requests[0].photos), objects)

    def _orbit(self, request: OrbitRequest, frames: ByteArray, forwards: int) -> Orbit:
        return Orbit(
            reference=request.photos[0].pixels,
            frames=frames,
            azimuth=np.asarray(request.azimuths, dtype=np.float64),
            pose=nearest_pose(self.ring, request.azimuths),
            reference_pose=request.photos[0].pose,
            num_forwards=forwards,
        )


def _own_poses(photos: Sequence[PosedPhoto], device: torch.device) -> PoseCondition:
    """The poses of the photos themselves."""
    pose = torch.tensor([photo.pose for photo in photos])
    azimuth = torch.tensor([photo.azimuth for photo in photos], dtype=torch.float32)
    return PoseCondition(pose.to(device), azimuth.to(device))
