"""From one posed photo to a ring of views."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mirage.circle import circular_distance, wrap
from mirage.config import ViewsConfig
from mirage.contracts import ByteArray, FloatArray, IntArray, Orbit, PoseCondition, PoseRing
from mirage.model.cross_frame import AttentionTape, taped
from mirage.model.denoiser import PoseDenoiser, images_to_model, model_to_images
from mirage.sampler.entry import enter_reference
from mirage.sampler.guidance import Guidance, guide, towards_hard_attention, towards_pose
from mirage.sampler.noise import image_key, mix_noise, reference_noise, view_noise
from mirage.sampler.schedule import karras_sigmas
from mirage.sampler.shared import Reference, SharedDenoiser
from mirage.sampler.solve import SOLVERS, Observer


def ring_azimuths(ring: PoseRing, count: int, start: float = 0.0) -> FloatArray:
    """[count] azimuths round the whole circle from `start` degrees, evenly.

    Of an arc, from end to end, wherever `start` is: what is beyond its ends nobody photographed.
    """
    if ring.closed:
        return wrap(start + np.arange(count) * (360.0 / count))
    return wrap(np.linspace(*ring.span, count))


def pose_azimuths(ring: PoseRing, count: int) -> FloatArray:
    """The azimuths of up to `count` poses spread over the ring: between two poses none is right."""
    poses = nearest_pose(ring, ring_azimuths(ring, count))
    return np.asarray(ring.azimuth[list(dict.fromkeys(poses.tolist()))])


def nearest_pose(ring: PoseRing, azimuth: FloatArray) -> IntArray:
    """[V] the pose whose azimuth is nearest on the circle to each of `azimuth` [V] degrees."""
    return circular_distance(np.asarray(azimuth)[:, None], ring.azimuth[None]).argmin(axis=1)


def between_poses(ring: PoseRing, azimuth: FloatArray) -> PoseCondition:
    """Views at `azimuth` [V] degrees: each between the two poses beside it, by how near they are.

    So an orbit crosses the border between two poses without a jump. Beyond the ends of an arc the
    pose is that of the end.
    """
    order = np.argsort(ring.azimuth, kind="stable")
    sorted_azimuth = ring.azimuth[order].astype(np.float64)
    asked = wrap(azimuth)
    after = np.searchsorted(sorted_azimuth, asked, side="right") % len(order)
    before = (after - 1) % len(order)
    gone = wrap(asked - sorted_azimuth[before])
    gap = wrap(sorted_azimuth[after] - sorted_azimuth[before])
    share = np.divide(gone, gap, out=np.zeros_like(gone), where=gap > 0)
    if not ring.closed:  # between the ends lies what nobody photographed
        start, end = (nearest_pose(ring, np.array([end % 360.0]))[0] for end in ring.span)
        outside = (order[before] == end) & (order[after] == start)
        share = np.where(outside, (share > 0.5).astype(np.float64), share)
    return PoseCondition(
        torch.from_numpy(order[before]), torch.from_numpy(asked).float(),
        torch.from_numpy(order[after]), torch.from_numpy(share).float(),
    )  # fmt: skip


def guidances(config: ViewsConfig) -> list[Guidance]:
    """The corrections in force in `config.mode`."""
    low, high = config.pose_interval
    active = [Guidance(towards_pose, config.pose_guidance, (low, high))]
    if config.mode == "hard":
        low = max(config.hard_interval[0], config.share_interval[0])
        high = min(config.hard_interval[1], config.share_interval[1])
        direction = towards_hard_attention(config.hard_temperature)
        active.append(Guidance(direction, config.hard_guidance, (low, high)))
    return active


def make_tape(config: ViewsConfig) -> AttentionTape:
    """A tape that shares where and how the configuration says."""
    return AttentionTape(config.share == "concat", config.share_sides)


@torch.inference_mode()
def sample_orbit(
    denoiser: PoseDenoiser,
    ring: PoseRing,
    photo: ByteArray,
    reference_pose: int,
    reference_azimuth: float,
    azimuths: FloatArray,
    config: ViewsConfig,
    observe: Observer | None = None,
) -> Orbit:
    """Turn the object of one photo to each of `azimuths`, by `config.mode`.

    Args:
        photo: [H, W, 3] uint8 at the denoiser's resolution.
        reference_pose, reference_azimuth: the photo's pose on `ring` (degrees).
        azimuths: [V] degrees on the ring.
        observe: called with (step, σ, clean estimate [V, C, H, W]) at every solver step.
    """
    device = denoiser.embedding.pose.weight.device
    pixels = torch.from_numpy(np.array(photo, order="C"))
    key = image_key(pixels)
    image = images_to_model(pixels[None])
    shape = tuple(image.shape[1:])
    poses = nearest_pose(ring, azimuths)

    def condition(pose: list[int], azimuth: list[float]) -> PoseCondition:
        return PoseCondition(
            torch.tensor(pose, device=device), torch.tensor(azimuth, device=device).float()
        )

    noise = view_noise(config.seed, key, [float(a) for a in azimuths], shape).to(device)
    sigmas = karras_sigmas(config.steps, config.sigma_min, config.sigma_max, config.rho)
    sigmas = sigmas.to(device)
    entry = None
    with taped(denoiser.unet, make_tape(config)) as tape:
        low, high = config.share_interval
        shared = SharedDenoiser(denoiser, tape, None, config.chunk, (low, high))
        if config.mode != "none":
            own = condition([reference_pose], [reference_azimuth])
            track, entry = enter_reference(
                lambda x, sigma: shared.alone(x, sigma, own), image.to(device),
                reference_noise(config.seed, key, shape).to(device), sigmas, config,
            )  # fmt: skip
            noise = mix_noise(noise, track.at(sigmas[0]) / sigmas[0], config.start)
            if config.mode != "start":
                shared.reference = Reference(track, own)
        targets = between_poses(ring, azimuths).map(lambda x: x.to(device))
        guided = guide(shared, targets, guidances(config))
        views: Tensor = SOLVERS[config.solver](guided, noise, sigmas, observe)
    return Orbit(
        reference=photo,
        frames=model_to_images(views).cpu().numpy(),
        azimuth=np.asarray(azimuths, dtype=np.float64),
        pose=poses,
        reference_pose=reference_pose,
        entry=entry,
        num_forwards=shared.num_forwards,
    )
