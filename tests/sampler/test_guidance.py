"""Shared denoising and guidance: what is evaluated, how often, and what it adds up to."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from views_settings import views_config

from mirage.config import ViewsConfig
from mirage.core.contracts import PoseCondition
from mirage.model.cross_frame import AttentionTape, taped
from mirage.model.denoiser import PoseDenoiser
from mirage.sampler.guidance import BLIND, HARD, UNPOSED, guidances, guide
from mirage.sampler.reference import FixedNoise
from mirage.sampler.schedule import karras_sigmas
from mirage.sampler.shared import PLAIN, Branch, References, SharedDenoiser
from mirage.sampler.solve import SOLVERS

MakeDenoiser = Callable[..., PoseDenoiser]
STEPS, VIEWS = 4, 5
EVERYWHERE = (0.0, 1e9)


def reference() -> References:
    generator = torch.Generator().manual_seed(8)
    image = torch.rand(1, 3, 16, 16, generator=generator) * 2 - 1
    noise = torch.randn(1, 3, 16, 16, generator=generator)
    return References(FixedNoise(image, noise), PoseCondition(torch.tensor([1]), torch.zeros(1)), 1)


def views() -> tuple[Tensor, PoseCondition]:
    noise = torch.randn(VIEWS, 3, 16, 16, generator=torch.Generator().manual_seed(9))
    return noise, PoseCondition(torch.arange(VIEWS) % 4, torch.arange(VIEWS) * 72.0)


def solve(denoiser: PoseDenoiser, config: ViewsConfig) -> tuple[Tensor, int]:
    """The solved views, and how many image forwards they took."""
    noise, condition = views()
    sigmas = karras_sigmas(STEPS, 0.1, 5.0, 7.0)
    with torch.no_grad(), taped(denoiser.unet, AttentionTape()) as tape:
        known = None if config.mode == "none" else reference()
        shared = SharedDenoiser(denoiser, tape, known, config.sampler.chunk)
        guided = guide(shared, condition, guidances(config))
        return SOLVERS[config.sampler.solver](guided, noise, sigmas), shared.num_forwards


def config_of(mode: str, **values: object) -> ViewsConfig:
    everywhere = {"pose_interval": list(EVERYWHERE), "hard_interval": list(EVERYWHERE)}
    return views_config(mode=mode, **{"solver": "euler", **everywhere, **values})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("mode", "values", "expected"),
    [
        ("none", {}, STEPS * VIEWS * 2),
        ("none", {"pose_guidance": 0.0}, STEPS * VIEWS),
        ("soft", {}, STEPS * (1 + VIEWS * 2)),
        ("soft", {"pose_guidance": 0.0}, STEPS * (1 + VIEWS)),
        ("hard", {}, STEPS * (1 + VIEWS * 3)),
        ("hard", {"hard_guidance": 0.0}, STEPS * (1 + VIEWS * 2)),
        ("hard", {"hard_interval": [6.0, 9.0]}, STEPS * (1 + VIEWS * 2)),
        (
            "hard",
            {"hard_interval": [0.1, 0.1001], "pose_interval": [4.9, 5.0]},
            STEPS * (1 + VIEWS) + VIEWS + VIEWS,
        ),  # one step each
        ("soft", {"solver": "heun"}, STEPS + VIEWS * 2 * (2 * STEPS - 1)),  # one reference a level
    ],
)
def test_forwards_are_what_the_branches_in_use_need(
    make_denoiser: MakeDenoiser, mode: str, values: dict[str, object], expected: int
) -> None:
    assert solve(make_denoiser(), config_of(mode, **values))[1] == expected


@pytest.mark.parametrize("mode", ["none", "soft", "hard"])
def test_chunks_bound_memory_and_change_nothing(make_denoiser: MakeDenoiser, mode: str) -> None:
    denoiser = make_denoiser()
    whole, num = solve(denoiser, config_of(mode))
    most: list[int] = []
    denoiser.register_forward_pre_hook(lambda _, args: most.append(len(args[0])))
    for chunk in (1, 2, VIEWS):
        most.clear()
        parts, num_parts = solve(denoiser, config_of(mode, chunk=chunk))
        assert torch.allclose(whole, parts, atol=2e-3) and num_parts == num
        assert max(most) == chunk


VALUES = {PLAIN: 2.0, UNPOSED: 1.5, HARD: 7.0, BLIND: -2.0}


class Recorder:
    """Stands in for a SharedDenoiser: an estimate that tells its ways of looking apart."""

    def __init__(self, plain: float = 2.0) -> None:
        self.plain, self.calls = plain, list[tuple[Branch, ...]]()

    def __call__(
        self, x: Tensor, sigma: float, condition: PoseCondition, branches: tuple[Branch, ...]
    ) -> list[Tensor]:
        self.calls.append(branches)
        shift = self.plain - VALUES[PLAIN]
        return [torch.full_like(x, VALUES[branch] + shift) for branch in branches]


CONDITION = PoseCondition(torch.tensor([1]), torch.zeros(1))


def test_guidance_adds_weighted_directions_to_the_estimate_in_one_call_a_level() -> None:
    recorder = Recorder()
    corrections = guidances(
        config_of(
            "hard",
            pose_guidance=3.0,
            pose_interval=[0.1, 10.0],
            hard_guidance=0.5,
            hard_interval=[0.0, 0.3],
        )
    )
    guided = guide(recorder, CONDITION, corrections)  # type: ignore[arg-type]
    x = torch.zeros(1, 3, 2, 2)
    for sigma, expected, branches in (
        (20.0, 2.0, (PLAIN,)),
        (1.0, 2 + 3 * 0.5, (PLAIN, UNPOSED)),
        (0.2, 2 + 3 * 0.5 + 0.5 * 5, (PLAIN, UNPOSED, HARD)),
        (0.05, 2 + 0.5 * 5, (PLAIN, HARD)),
    ):
        recorder.calls.clear()
        assert guided(x, sigma).unique().tolist() == [expected]
        assert recorder.calls == [branches]


def test_perturbed_attention_leads_away_from_views_that_see_one_pixel_each() -> None:
    recorder = Recorder()
    corrections = guidances(config_of("soft", pose_guidance=0.0, perturbed_guidance=0.5))
    guided = guide(recorder, CONDITION, corrections)  # type: ignore[arg-type]
    assert guided(torch.zeros(1, 3, 2, 2), 1.0).unique().tolist() == [2 + 0.5 * 4]
    assert recorder.calls == [(PLAIN, BLIND)]


def test_a_null_pose_keeps_the_references_keys_and_values(make_denoiser: MakeDenoiser) -> None:
    """The pose direction is zero where the pose says nothing: only the pose differs in it."""
    denoiser = make_denoiser()
    with torch.no_grad():
        denoiser.embedding.pose.weight.zero_()
        for parameter in denoiser.embedding.azimuth.parameters():
            parameter.zero_()
    unguided, _ = solve(denoiser, config_of("soft", pose_guidance=0.0))
    guided, _ = solve(denoiser, config_of("soft", pose_guidance=5.0))
    assert torch.allclose(unguided, guided, atol=1e-4)
