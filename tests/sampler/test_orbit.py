"""Orbits: each view is itself, whatever is asked for beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from mirage.config import MODES, ViewsConfig
from mirage.core.contracts import Orbit, PoseCondition, PosedPhoto, PoseRing
from mirage.core.errors import MirageError
from mirage.model.codec import PIXELS
from mirage.model.cross_frame import AttentionTape, taped
from mirage.model.denoiser import PoseDenoiser
from mirage.sampler.guidance import guidances, guide
from mirage.sampler.noise import image_key, reference_noise, view_noise
from mirage.sampler.orbit import Turn, sample_orbit, sample_orbits
from mirage.sampler.reference import FixedNoise
from mirage.sampler.schedule import karras_sigmas
from mirage.sampler.shared import Reference, SharedDenoiser
from mirage.sampler.solve import SOLVERS
from mirage.sampler.targets import between_poses, nearest_pose, ring_azimuths

MakeDenoiser = Callable[..., PoseDenoiser]
CONFIG = ViewsConfig(mode="hard", steps=4, pose_guidance=1.0, hard_interval=[0.0, 5.0])


@pytest.fixture
def sample(make_denoiser: MakeDenoiser, ring: PoseRing, photo: np.ndarray) -> Callable[..., Orbit]:
    denoiser = make_denoiser()

    def run(azimuths: list[float], shown: np.ndarray = photo, **values: object) -> Orbit:
        config = replace(CONFIG, **values)  # type: ignore[arg-type]
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
        sample([10.0], share="concat").frames,
        sample([10.0], shown=255 - photo).frames,
        sample([10.0], reference_path="fixed_noise").frames,
        sample([10.0], pose_guidance=4.0).frames,
        sample([10.0], hard_temperature=0.5).frames,
        sample([10.0], share_interval=[0.0, 1.0]).frames,
        sample([10.0], hard_temperature=1.0, hard_best=4).frames,
        sample([10.0], share_guidance=1.0).frames,
        sample([10.0], perturbed_guidance=1.0).frames,
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


@pytest.mark.parametrize(("mode", "path", "reference"), [
    ("soft", "fixed_noise", 0), ("soft", "inversion", 7), ("none", "inversion", -4),
])  # fmt: skip
def test_forwards_of_the_reference_are_counted(
    sample: Callable[..., Orbit], mode: str, path: str, reference: int
) -> None:
    """Four levels: two views in two branches, the reference recorded, and what entering took."""
    interval = [0.0, 1e9]
    orbit = sample([0.0, 90.0], mode=mode, reference_path=path, pose_interval=interval)
    assert orbit.num_forwards == 4 * (1 + 2 * 2) + reference


def test_fixed_noise_is_the_photo_plus_one_draw_at_every_level(
    make_denoiser: MakeDenoiser, ring: PoseRing, photo: np.ndarray
) -> None:
    """Equal, to the bit, to a solve beside that track, put together here by hand."""
    config = replace(CONFIG, reference_path="fixed_noise", start=0.0)
    denoiser, azimuths = make_denoiser(), [90.0, 200.0]
    pixels = torch.from_numpy(photo)
    image, key = PIXELS.load(pixels[None]), image_key(photo)
    track = FixedNoise(image, reference_noise(config.seed, key, (3, 16, 16)))
    own = PoseCondition(torch.tensor([1]), torch.tensor([90.0]))
    targets = between_poses(ring, np.array(azimuths))
    sigmas = karras_sigmas(config.steps, config.sigma_min, config.sigma_max, config.rho)
    with torch.no_grad(), taped(denoiser.unet, AttentionTape()) as tape:
        shared = SharedDenoiser(denoiser, tape, Reference(track, own, 1), config.chunk)
        noise = view_noise(config.seed, key, azimuths, (3, 16, 16))
        views = SOLVERS[config.solver](guide(shared, targets, guidances(config)), noise, sigmas)
    orbit = sample_orbit(denoiser, ring, [PosedPhoto(photo, 1, 90.0)], np.array(azimuths), config)
    assert np.array_equal(orbit.frames, PIXELS.show(views).numpy())


def test_from_the_photos_noise_a_view_in_its_own_pose_is_the_photo(
    make_denoiser: MakeDenoiser, ring: PoseRing, photo: np.ndarray
) -> None:
    """What goes up the ODE comes down it; from noise of its own, a view is another picture."""
    config = ViewsConfig(mode="start", pose_guidance=0.0, solver="heun", steps=60)
    denoiser, posed = make_denoiser(), [PosedPhoto(photo, 1, 90.0)]

    def errors(start: float, *azimuths: float) -> list[float]:
        settings = replace(config, start=start)
        frames = sample_orbit(denoiser, ring, posed, np.array(azimuths), settings).frames
        return list(np.abs(frames.astype(float) - photo).mean(axis=(1, 2, 3)))

    own, turned = errors(1.0, 90.0, 200.0)
    (afresh,) = errors(0.0, 90.0)
    assert own < 2.0 and own < turned and afresh > 10 * own


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


def turn(
    denoiser: PoseDenoiser, ring: PoseRing, photos: list[PosedPhoto], **values: object
) -> Orbit:
    settings = replace(CONFIG, **values)  # type: ignore[arg-type]
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
    steps, entering = CONFIG.steps, 2 * (2 * CONFIG.steps - 1)
    assert both.num_forwards - alone.num_forwards == steps + entering // 2


def test_in_turn_the_first_view_is_as_ever_and_the_others_look_at_it(
    make_denoiser: MakeDenoiser, ring: PoseRing, photo: np.ndarray
) -> None:
    denoiser, posed = make_denoiser(), [PosedPhoto(photo, 1, 90.0)]
    at_once = turn(denoiser, ring, posed).frames.astype(int)
    in_turn = turn(denoiser, ring, posed, previous=1)
    difference = np.abs(in_turn.frames - at_once).mean(axis=(1, 2, 3))
    assert difference[1] < 0.5 and difference[[0, 2]].min() > 0.5  # 95° is nearest to the photo
    steps = CONFIG.steps
    extra = steps * (3 * 1 + 2) - steps  # a reference for each view, and one view for two of them
    assert in_turn.num_forwards == turn(denoiser, ring, posed).num_forwards + extra
    many = turn(denoiser, ring, posed, previous=9)
    assert np.abs(many.frames[2].astype(int) - in_turn.frames[2]).mean() > 0.1


def test_the_photos_mask_hides_what_is_behind_its_object(
    make_denoiser: MakeDenoiser, ring: PoseRing, photo: np.ndarray
) -> None:
    denoiser = make_denoiser()

    def frames(mask: np.ndarray | None, **values: object) -> np.ndarray:
        photos = [PosedPhoto(photo, 1, 90.0, mask)]
        return turn(denoiser, ring, photos, mode="soft", share="concat", **values).frames

    half = np.array([[1.0, 0.0], [1.0, 0.0]])
    everything = frames(None)
    assert_same(frames(np.ones((4, 4)), share_foreground=True), everything)
    assert_same(frames(half), everything)
    masked = frames(half, share_foreground=True)
    assert np.abs(masked.astype(int) - everything).mean() > 0.1
    alone = turn(denoiser, ring, [PosedPhoto(photo, 1, 90.0)], mode="start").frames
    assert_same(frames(np.zeros((4, 4)), share_foreground=True), alone)


def test_autoguidance_by_the_model_itself_changes_nothing(
    make_denoiser: MakeDenoiser, ring: PoseRing, photo: np.ndarray
) -> None:
    posed, azimuths = [PosedPhoto(photo, 1, 90.0)], np.array([10.0, 200.0])
    settings = replace(CONFIG, weak_guidance=2.0, weak_model="elsewhere")
    denoiser, same, other = (make_denoiser(seed=seed) for seed in (0, 0, 1))
    plain = sample_orbit(denoiser, ring, posed, azimuths, CONFIG)
    by_itself = sample_orbit(denoiser, ring, posed, azimuths, settings, weak=same)
    by_other = sample_orbit(denoiser, ring, posed, azimuths, settings, weak=other)
    assert_same(by_itself.frames, plain.frames)
    assert np.abs(by_other.frames.astype(int) - plain.frames).mean() > 0.5
    assert by_itself.num_forwards == plain.num_forwards + CONFIG.steps * (1 + 2)


def test_a_draft_is_denoised_from_the_level_that_it_is_brought_to(
    make_denoiser: MakeDenoiser, ring: PoseRing, photo: np.ndarray
) -> None:
    denoiser, levels = make_denoiser(), list[float]()
    azimuths = np.array([0.0, 120.0])
    draft = np.stack([np.full_like(photo, 60), np.full_like(photo, 200)])

    def again(sigma: float) -> np.ndarray:
        config = replace(CONFIG, mode="start", steps=12, refine_sigma=sigma)
        levels.clear()
        seen = [PosedPhoto(photo, 1, 90.0)]
        return sample_orbit(
            denoiser, ring, seen, azimuths, config, lambda _, s, __: levels.append(s),
            draft=draft,
        ).frames.astype(float)  # fmt: skip

    near, far = (np.abs(again(sigma) - draft).mean() for sigma in (0.03, 5.0))
    assert max(levels) <= 5.0 < 2.5 * max(levels)  # of the last one: it begins just below
    assert near < 12 < far


def test_an_orbit_of_twelve_views_takes_fewer_than_eighty_calls(
    make_denoiser: MakeDenoiser, ring: PoseRing, photo: np.ndarray
) -> None:
    """By default: 2 · 20 − 1 to invert the photo, then one a noise level for everything."""
    denoiser, config, batches = make_denoiser(), ViewsConfig(), list[int]()
    denoiser.register_forward_pre_hook(lambda _, args: batches.append(len(args[0])))
    azimuths = ring_azimuths(ring, config.count)
    orbit = sample_orbit(denoiser, ring, [PosedPhoto(photo, 1, 90.0)], azimuths, config)
    assert len(batches) == (2 * config.steps - 1) + config.steps < 80
    assert sum(batches) == orbit.num_forwards


@pytest.mark.parametrize("values", [
    {"mode": "none"}, {"mode": "soft", "previous": 1},
    {"reference_path": "fixed_noise", "start": 0.5, "chunk": 3},
    {"share": "concat", "share_foreground": True},
])  # fmt: skip
def test_objects_turned_together_are_what_each_is_by_itself(
    make_denoiser: MakeDenoiser, ring: PoseRing, photo: np.ndarray, values: dict[str, object]
) -> None:
    """Whatever their order, and where one has more photos than the others, or other azimuths."""
    denoiser, config = make_denoiser(), replace(CONFIG, steps=2, **values)  # type: ignore[arg-type]
    mask = np.array([[1.0, 0.0], [1.0, 0.0]])
    first, second = PosedPhoto(photo, 1, 90.0, mask), PosedPhoto(255 - photo, 3, 280.0)
    asked = np.array([0.0, 120.0])
    turns = [
        Turn([first], asked), Turn([second], asked + 30.0), Turn([second, first], asked),
        Turn([first, second], asked), Turn([second], asked[:1]),
    ]  # fmt: skip
    together = sample_orbits(denoiser, ring, turns, config)
    backwards = sample_orbits(denoiser, ring, turns[::-1], config)[::-1]
    for turn_, orbit, again in zip(turns, together, backwards, strict=True):
        alone = sample_orbit(denoiser, ring, turn_.photos, turn_.azimuths, config)
        assert_same(orbit.frames, alone.frames)
        assert_same(again.frames, alone.frames)
        assert orbit.num_forwards == alone.num_forwards
        assert np.array_equal(orbit.reference, turn_.photos[0].pixels)
    assert np.abs(together[0].frames.astype(int) - together[1].frames).mean() > 1


def photo_of(seed: int) -> PosedPhoto:
    pixels = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    return PosedPhoto(pixels, 0, 5.0)


def test_many_objects_take_hardly_more_calls_than_one(
    make_denoiser: MakeDenoiser, ring: PoseRing
) -> None:
    denoiser, batches = make_denoiser(), list[int]()
    denoiser.register_forward_pre_hook(lambda _, args: batches.append(len(args[0])))
    turns = [Turn([photo_of(seed)], np.array([0.0, 120.0])) for seed in range(6)]
    sample_orbits(denoiser, ring, turns, replace(CONFIG, mode="soft"))
    assert len(batches) == (2 * CONFIG.steps - 1) + CONFIG.steps
    assert max(batches) == 6 * (1 + 2 * 2)


def test_drafts_of_several_objects_stay_with_them(
    make_denoiser: MakeDenoiser, ring: PoseRing
) -> None:
    denoiser, config = make_denoiser(), replace(CONFIG, mode="start", steps=12, refine_sigma=0.03)
    drafts = [np.full((2, 16, 16, 3), grey, np.uint8) for grey in (60, 200)]
    asked = np.array([0.0, 120.0])
    turns = [Turn([photo_of(seed)], asked, drafts[seed]) for seed in range(2)]
    for orbit, draft in zip(sample_orbits(denoiser, ring, turns, config), drafts, strict=True):
        assert np.abs(orbit.frames.astype(int) - draft).mean() < 12


def test_runs_that_chose_the_way_by_themselves_invert() -> None:
    """What every run made before says in its config.yaml."""
    assert ViewsConfig(reference_path="auto") == ViewsConfig()
    with pytest.raises(MirageError, match="not a choice"):
        ViewsConfig(reference_path="magic")
