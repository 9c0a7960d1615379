"""Orbits: each view is itself, whatever is asked for beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from mirage.config import MODES, ViewsConfig
from mirage.contracts import Orbit, PoseCondition, PoseRing
from mirage.model.cross_frame import AttentionTape, taped
from mirage.model.denoiser import PoseDenoiser, images_to_model, model_to_images
from mirage.sampler.guidance import guide
from mirage.sampler.noise import image_key, reference_noise, view_noise
from mirage.sampler.orbit import (
    between_poses,
    guidances,
    nearest_pose,
    ring_azimuths,
    sample_orbit,
)
from mirage.sampler.reference import FixedNoise
from mirage.sampler.schedule import karras_sigmas
from mirage.sampler.shared import Reference, SharedDenoiser
from mirage.sampler.solve import SOLVERS

MakeDenoiser = Callable[..., PoseDenoiser]
CONFIG = ViewsConfig(mode="hard", steps=4, pose_guidance=1.0, hard_interval=[0.0, 5.0])


@pytest.fixture
def sample(make_denoiser: MakeDenoiser, ring: PoseRing, photo: np.ndarray) -> Callable[..., Orbit]:
    denoiser = make_denoiser()

    def run(azimuths: list[float], shown: np.ndarray = photo, **values: object) -> Orbit:
        config = replace(CONFIG, **values)  # type: ignore[arg-type]
        return sample_orbit(denoiser, ring, shown, 1, 90.0, np.array(azimuths), config)

    return run


def assert_same(a: np.ndarray, b: np.ndarray) -> None:
    """Equal up to rounding: a batch of another size sums in another order."""
    assert np.abs(a.astype(int) - b.astype(int)).max() <= 1


@pytest.mark.parametrize("mode", MODES)
def test_a_view_does_not_depend_on_the_others(sample: Callable[..., Orbit], mode: str) -> None:
    ring = sample([0.0, 60.0, 120.0, 200.0], mode=mode).frames
    assert_same(sample([120.0], mode=mode).frames[0], ring[2])
    assert_same(sample([200.0, 120.0, 60.0, 0.0], mode=mode).frames[::-1], ring)
    assert_same(sample([0.0, 60.0, 120.0, 200.0], mode=mode, chunk=3).frames, ring)
    assert np.abs(ring[0].astype(int) - ring[1]).mean() > (0.1 if mode != "none" else 3)


def test_an_orbit_says_what_was_asked_for(sample: Callable[..., Orbit], photo: np.ndarray) -> None:
    orbit = sample([0.0, 80.0, 350.0])
    assert orbit.frames.shape == (3, 16, 16, 3) and orbit.frames.dtype == np.uint8
    assert orbit.azimuth.tolist() == [0.0, 80.0, 350.0]
    assert orbit.pose.tolist() == [0, 1, 0] and orbit.reference_pose == 1
    assert np.array_equal(orbit.reference, photo)


def test_seed_mode_sharing_and_photo_each_matter(
    sample: Callable[..., Orbit], photo: np.ndarray
) -> None:
    frames = [
        sample([10.0]).frames,
        sample([10.0], seed=1, start=0.9).frames,
        sample([10.0], mode="soft").frames,
        sample([10.0], mode="start").frames,
        sample([10.0], mode="none").frames,
        sample([10.0], start=0.5).frames,
        sample([10.0], share="concat").frames,
        sample([10.0], shown=255 - photo).frames,
        sample([10.0], reference_path="fixed_noise").frames,
        sample([10.0], pose_guidance=4.0).frames,
        sample([10.0], hard_temperature=0.5).frames,
        sample([10.0], share_interval=[0.0, 1.0]).frames,
    ]
    for i, one in enumerate(frames):
        for other in frames[:i]:
            assert not np.array_equal(one, other)
    assert np.array_equal(sample([10.0]).frames, frames[0])


def test_the_model_is_left_as_it_was(
    make_denoiser: MakeDenoiser, ring: PoseRing, photo: np.ndarray
) -> None:
    denoiser = make_denoiser()
    before = {k: v.clone() for k, v in denoiser.state_dict().items()}
    processors = [m.processor for m in denoiser.unet.modules() if hasattr(m, "processor")]
    steps: list[int] = []

    def observe(step: int, sigma: Tensor, clean: Tensor) -> None:
        assert clean.shape == (2, 3, 16, 16)
        steps.append(step)

    sample_orbit(denoiser, ring, photo, 0, 0.0, np.array([0.0, 9.0]), CONFIG, observe)
    assert steps == [0, 1, 2, 3]
    after = [m.processor for m in denoiser.unet.modules() if hasattr(m, "processor")]
    assert after == processors
    assert all((before[k] == v).all() for k, v in denoiser.state_dict().items())


def test_azimuths_go_evenly_round_and_poses_are_nearest_on_the_circle(ring: PoseRing) -> None:
    assert ring_azimuths(ring, 4).tolist() == [0.0, 90.0, 180.0, 270.0]
    asked = np.array([359.0, 44.0, 46.0, 226.0, 314.0, 316.0, -80.0, 450.0])
    assert ring_azimuths(ring, 4, start=300.0).tolist() == [300.0, 30.0, 120.0, 210.0]
    assert nearest_pose(ring, asked).tolist() == [0, 0, 1, 3, 3, 0, 3, 1]


def test_an_arc_is_turned_from_end_to_end(ring: PoseRing) -> None:
    arc = replace(ring, span=(300.0, 400.0))
    assert not arc.closed and ring.closed
    for start in (0.0, 20.0):
        assert ring_azimuths(arc, 5, start).tolist() == [300.0, 325.0, 350.0, 15.0, 40.0]


@pytest.mark.parametrize(("mode", "path", "reference"), [
    ("soft", "fixed_noise", 0), ("soft", "inversion", 7), ("soft", "auto", 7 + 2 * 4),
    ("none", "auto", -4),
])  # fmt: skip
def test_forwards_of_the_reference_are_counted(
    sample: Callable[..., Orbit], mode: str, path: str, reference: int
) -> None:
    """Four levels: two views in two branches, the reference recorded, and what entering took."""
    interval = [0.0, 1e9]
    orbit = sample([0.0, 90.0], mode=mode, reference_path=path, pose_interval=interval)
    assert orbit.num_forwards == 4 * (1 + 2 * 2) + reference
    assert (orbit.entry is None) == (mode == "none")


def test_fixed_noise_is_the_photo_plus_one_draw_at_every_level(
    make_denoiser: MakeDenoiser, ring: PoseRing, photo: np.ndarray
) -> None:
    """Equal, to the bit, to a solve beside that track, put together here by hand."""
    config = replace(CONFIG, reference_path="fixed_noise", start=0.0)
    denoiser, azimuths = make_denoiser(), [90.0, 200.0]
    pixels = torch.from_numpy(photo)
    image, key = images_to_model(pixels[None]), image_key(pixels)
    track = FixedNoise(image, reference_noise(config.seed, key, (3, 16, 16)))
    own = PoseCondition(torch.tensor([1]), torch.tensor([90.0]))
    targets = between_poses(ring, np.array(azimuths))
    sigmas = karras_sigmas(config.steps, config.sigma_min, config.sigma_max, config.rho)
    with torch.no_grad(), taped(denoiser.unet, AttentionTape()) as tape:
        shared = SharedDenoiser(denoiser, tape, Reference(track, own), config.chunk)
        noise = view_noise(config.seed, key, azimuths, (3, 16, 16))
        views = SOLVERS[config.solver](guide(shared, targets, guidances(config)), noise, sigmas)
    orbit = sample_orbit(denoiser, ring, photo, 1, 90.0, np.array(azimuths), config)
    assert np.array_equal(orbit.frames, model_to_images(views).numpy())


def test_from_the_photos_noise_a_view_in_its_own_pose_is_the_photo(
    make_denoiser: MakeDenoiser, ring: PoseRing, photo: np.ndarray
) -> None:
    """What goes up the ODE comes down it; from noise of its own, a view is another picture."""
    config = ViewsConfig(mode="start", pose_guidance=0.0, solver="heun", steps=60)
    denoiser = make_denoiser()

    def error(start: float, azimuth: float) -> float:
        settings = replace(config, start=start)
        orbit = sample_orbit(denoiser, ring, photo, 1, 90.0, np.array([azimuth]), settings)
        return float(np.abs(orbit.frames[0].astype(float) - photo).mean())

    assert error(1.0, 90.0) < 2.0
    assert error(0.0, 90.0) > 10 * error(1.0, 90.0)
    assert error(1.0, 90.0) < error(1.0, 200.0)


def test_where_nothing_is_shared_attention_is_the_views_own(sample: Callable[..., Orbit]) -> None:
    nothing = [{"share_interval": [30.0, 40.0]}, {"share_sides": [3]}]
    alone = sample([10.0], mode="start").frames
    for settings in nothing:
        assert_same(sample([10.0], mode="soft", **settings).frames, alone)
    soft = sample([10.0], mode="soft").frames
    assert_same(sample([10.0], mode="hard", hard_temperature=1.0).frames, soft)
    assert np.abs(soft.astype(int) - alone).mean() > 0.1


def test_between_two_poses_the_condition_goes_over_from_one_to_the_other(
    make_denoiser: MakeDenoiser,
) -> None:
    ring = PoseRing(np.array([200.0, 20.0, 110.0]), 0.9)
    azimuth = np.array([20.0, 65.0, 110.0, 199.9999, 200.0, 290.0, 19.9999])
    found = between_poses(ring, azimuth)
    assert found.pose.tolist() == [1, 1, 2, 2, 0, 0, 0]
    assert found.other.tolist() == [2, 2, 0, 0, 1, 1, 1]
    assert np.allclose(found.share, [0, 0.5, 0, 1, 0, 0.5, 1], atol=1e-4)
    embedding = make_denoiser(num_poses=3).embedding
    with torch.no_grad():
        fine = embedding(between_poses(ring, np.arange(0.0, 360.0, 0.5)))
        step = (fine - fine.roll(1, 0)).norm(dim=1)
        single = embedding(PoseCondition(torch.tensor([1, 2]), torch.tensor([20.0, 110.0])))
        assert torch.allclose(embedding(between_poses(ring, np.array([20.0, 110.0]))), single)
    assert step.max() < 5 * step.median()  # no border stands out


def test_an_arc_has_no_pose_between_its_ends() -> None:
    ring = PoseRing(np.array([350.0, 30.0, 60.0]), 0.4, (340.0, 430.0))
    found = between_poses(ring, np.array([10.0, 65.0, 100.0, 330.0]))
    assert found.share.tolist() == [0.5, 0.0, 0.0, 1.0]
    assert found.pose.tolist() == [0, 2, 2, 2] and found.other.tolist() == [1, 0, 0, 0]
