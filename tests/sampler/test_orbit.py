"""Orbits: each view is itself, whatever is asked for beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from views_settings import views_config

from mirage.config import MODES, ViewsConfig
from mirage.core.contracts import Orbit, PoseCondition, PosedPhoto, PoseRing
from mirage.model.codec import PIXELS
from mirage.model.cross_frame import AttentionTape, taped
from mirage.model.denoiser import PoseDenoiser
from mirage.sampler.guidance import guidances, guide
from mirage.sampler.noise import image_key, reference_noise, view_noise
from mirage.sampler.orbit import OrbitRequest, sample_orbit, sample_orbits
from mirage.sampler.reference import FixedNoise
from mirage.sampler.schedule import sigmas_of
from mirage.sampler.shared import References, SharedDenoiser
from mirage.sampler.solve import SOLVERS
from mirage.sampler.targets import between_poses, nearest_pose, ring_azimuths

MakeDenoiser = Callable[..., PoseDenoiser]
CONFIG = views_config(mode="hard", steps=4, pose_guidance=1.0, hard_interval=[0.0, 5.0])


@pytest.fixture
def sample(make_denoiser: MakeDenoiser, ring: PoseRing, photo: np.ndarray) -> Callable[..., Orbit]:
    denoiser = make_denoiser()

    def run(azimuths: list[float], shown: np.ndarray = photo, **values: object) -> Orbit:
        config = views_config(CONFIG, **values)
        return sample_orbit(
            denoiser, ring, [PosedPhoto(shown, 1, 90.0)], np.array(azimuths), config
        )

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
        sample([10.0], attention="concat").frames,
        sample([10.0], shown=255 - photo).frames,
        sample([10.0], noise="fixed").frames,
        sample([10.0], pose_guidance=4.0).frames,
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

    def observe(step: int, sigma: float, clean: Tensor) -> None:
        assert clean.shape == (2, 3, 16, 16)
        steps.append(step)

    sample_orbit(denoiser, ring, [PosedPhoto(photo, 0, 0.0)], np.array([0.0, 9.0]), CONFIG, observe)
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


@pytest.mark.parametrize(
    ("mode", "path", "reference"),
    [("soft", "fixed", 0), ("soft", "inversion", 7), ("none", "inversion", -4)],
)
def test_forwards_of_the_reference_are_counted(
    sample: Callable[..., Orbit], mode: str, path: str, reference: int
) -> None:
    """Four levels: two views in two branches, the reference recorded, and what entering took."""
    interval = [0.0, 1e9]
    orbit = sample([0.0, 90.0], mode=mode, noise=path, pose_interval=interval)
    assert orbit.num_forwards == 4 * (1 + 2 * 2) + reference


def test_fixed_noise_is_the_photo_plus_one_draw_at_every_level(
    make_denoiser: MakeDenoiser, ring: PoseRing, photo: np.ndarray
) -> None:
    """Equal, to the bit, to a solve beside that track, put together here by hand."""
    config = views_config(CONFIG, noise="fixed", start=0.0)
    denoiser, azimuths = make_denoiser(), [90.0, 200.0]
    pixels = torch.from_numpy(photo)
    image, key = PIXELS.load(pixels[None]), image_key(photo)
    track = FixedNoise(image, reference_noise(config.seed, key, (3, 16, 16)))
    own = PoseCondition(torch.tensor([1]), torch.tensor([90.0]))
    targets = between_poses(ring, np.array(azimuths))
    sigmas = sigmas_of(config.sampler)
    with torch.no_grad(), taped(denoiser.unet, AttentionTape()) as tape:
        shared = SharedDenoiser(denoiser, tape, References(track, own, 1), config.sampler.chunk)
        noise = view_noise(config.seed, key, azimuths, (3, 16, 16))
        views = SOLVERS[config.sampler.solver](
            guide(shared, targets, guidances(config)), noise, sigmas
        )
    orbit = sample_orbit(denoiser, ring, [PosedPhoto(photo, 1, 90.0)], np.array(azimuths), config)
    assert np.array_equal(orbit.frames, PIXELS.show(views).numpy())


def test_from_the_photos_noise_a_view_in_its_own_pose_is_the_photo(
    make_denoiser: MakeDenoiser, ring: PoseRing, photo: np.ndarray
) -> None:
    """What goes up the ODE comes down it; from noise of its own, a view is another picture."""
    config = views_config(mode="start", pose_guidance=0.0, solver="heun", steps=60)
    denoiser, posed = make_denoiser(), [PosedPhoto(photo, 1, 90.0)]

    def errors(start: float, *azimuths: float) -> list[float]:
        settings = replace(config, start=start)
        frames = sample_orbit(denoiser, ring, posed, np.array(azimuths), settings).frames
        return list(np.abs(frames.astype(float) - photo).mean(axis=(1, 2, 3)))

    own, turned = errors(1.0, 90.0, 200.0)
    (afresh,) = errors(0.0, 90.0)
    assert own < 2.0 and own < turned and afresh > 10 * own


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


def turn(
    denoiser: PoseDenoiser, ring: PoseRing, photos: list[PosedPhoto], **values: object
) -> Orbit:
    settings = views_config(CONFIG, **values)
    return sample_orbit(denoiser, ring, photos, np.array([10.0, 95.0, 200.0]), settings)


def test_several_photos_of_an_object_are_all_looked_at(
    make_denoiser: MakeDenoiser, ring: PoseRing, photo: np.ndarray
) -> None:
    denoiser = make_denoiser()
    one, other = PosedPhoto(photo, 1, 90.0), PosedPhoto(255 - photo, 3, 280.0)
    alone, twice, both = (turn(denoiser, ring, p) for p in ([one], [one, one], [one, other]))
    # The same photo twice tells nothing new; but a photo's noise is keyed by all photos.
    assert_same(twice.frames, alone.frames)
    assert np.abs(both.frames.astype(int) - alone.frames).mean() > 0.5
    assert np.array_equal(both.reference, photo) and both.reference_pose == 1
    steps, entering = CONFIG.sampler.steps, 2 * (2 * CONFIG.sampler.steps - 1)
    assert both.num_forwards - alone.num_forwards == steps + entering // 2


def test_an_orbit_of_twelve_views_takes_fewer_than_eighty_calls(
    make_denoiser: MakeDenoiser, ring: PoseRing, photo: np.ndarray
) -> None:
    """By default: 2 · 20 − 1 to invert the photo, then one a noise level for everything."""
    denoiser, config, batches = make_denoiser(), ViewsConfig(), list[int]()
    denoiser.register_forward_pre_hook(lambda _, args: batches.append(len(args[0])))
    azimuths = ring_azimuths(ring, config.count)
    orbit = sample_orbit(denoiser, ring, [PosedPhoto(photo, 1, 90.0)], azimuths, config)
    assert len(batches) == (2 * config.sampler.steps - 1) + config.sampler.steps < 80
    assert sum(batches) == orbit.num_forwards


@pytest.mark.parametrize(
    "values",
    [{"mode": "none"}, {"noise": "fixed", "start": 0.5, "chunk": 3}, {"attention": "concat"}],
)
def test_objects_turned_together_are_what_each_is_by_itself(
    make_denoiser: MakeDenoiser, ring: PoseRing, photo: np.ndarray, values: dict[str, object]
) -> None:
    """Whatever their order, and where one has more photos than the others, or other azimuths."""
    denoiser, config = make_denoiser(), views_config(CONFIG, steps=2, **values)
    first, second = PosedPhoto(photo, 1, 90.0), PosedPhoto(255 - photo, 3, 280.0)
    asked = np.array([0.0, 120.0])
    requests = [
        OrbitRequest([first], asked),
        OrbitRequest([second], asked + 30.0),
        OrbitRequest([second, first], asked),
        OrbitRequest([first, second], asked),
        OrbitRequest([second], asked[:1]),
    ]
    together = sample_orbits(denoiser, ring, requests, config)
    backwards = sample_orbits(denoiser, ring, requests[::-1], config)[::-1]
    for request, orbit, again in zip(requests, together, backwards, strict=True):
        alone = sample_orbit(denoiser, ring, request.photos, request.azimuths, config)
        assert_same(orbit.frames, alone.frames)
        assert_same(again.frames, alone.frames)
        assert orbit.num_forwards == alone.num_forwards
        assert np.array_equal(orbit.reference, request.photos[0].pixels)
    assert np.abs(together[0].frames.astype(int) - together[1].frames).mean() > 1


def photo_of(seed: int) -> PosedPhoto:
    pixels = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    return PosedPhoto(pixels, 0, 5.0)


def test_many_objects_take_hardly_more_calls_than_one(
    make_denoiser: MakeDenoiser, ring: PoseRing
) -> None:
    denoiser, batches = make_denoiser(), list[int]()
    denoiser.register_forward_pre_hook(lambda _, args: batches.append(len(args[0])))
    requests = [OrbitRequest([photo_of(seed)], np.array([0.0, 120.0])) for seed in range(6)]
    sample_orbits(denoiser, ring, requests, views_config(CONFIG, mode="soft"))
    assert len(batches) == (2 * CONFIG.sampler.steps - 1) + CONFIG.sampler.steps
    assert max(batches) == 6 * (1 + 2 * 2)
