"""Random numbers that do not hang on how many processes share a batch."""

from __future__ import annotations

import pytest
import torch

from mirage.model.draws import StepDraws

CPU = torch.device("cpu")


def draw(key: tuple[int, ...], first: int, count: int) -> list[torch.Tensor]:
    draws = StepDraws(key, first, count, CPU)
    return [draws.normal(), draws.normal(3, 2), draws.uniform()]


@pytest.mark.parametrize("processes", [2, 3, 5, 48])
def test_processes_draw_together_what_one_draws_alone(processes: int) -> None:
    total = 240
    share = total // processes
    alone = draw((7, 3), 0, total)
    parts = [draw((7, 3), rank * share, share) for rank in range(processes)]
    for whole, *pieces in zip(alone, *parts, strict=True):
        assert torch.equal(torch.cat(pieces), whole)


def test_draws_are_independent_of_one_another_and_well_distributed() -> None:
    normal, again = (StepDraws((0, step), 0, 40_000, CPU) for step in range(2))
    first, second, other = normal.normal(), normal.normal(), again.normal()
    uniform = normal.uniform()
    stacked = torch.stack([first, second, other, first.roll(16), uniform * 12**0.5])
    assert (torch.corrcoef(stacked) - torch.eye(5)).abs().max() < 0.03
    assert first.mean().abs() < 0.02 and first.std() == pytest.approx(1.0, abs=0.02)
    assert (
        uniform.min() >= 0 and uniform.max() < 1 and uniform.mean() == pytest.approx(0.5, abs=0.01)
    )
