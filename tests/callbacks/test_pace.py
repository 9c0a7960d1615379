"""The pace of a training: a line soon, then now and then, and a figure for W&B."""

from __future__ import annotations

import re
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from callbacks import pace
from callbacks.pace import Pace


class Time:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Time:
    clock = Time()
    monkeypatch.setattr(pace.time, "monotonic", clock.monotonic)
    return clock


def train(callback: Pace, clock: Time, steps: int, seconds: float, world: int = 1) -> list[float]:
    """Steps of so many seconds each; what was logged."""
    logged: list[float] = []
    module: Any = SimpleNamespace(log=lambda name, value: logged.append(value))
    for step in range(1, steps + 1):
        trainer: Any = SimpleNamespace(
            global_step=step, max_steps=1000, world_size=world, global_rank=world - 1
        )
        callback.on_train_batch_start(trainer, module, None, step)
        clock.now += seconds
        callback.on_train_batch_end(trainer, module, None, None, step)
        clock.now += 5.0 if step % 10 == 0 else 0.0  # validation, which is not training
    return logged


def test_it_tells_soon_and_then_now_and_then(
    clock: Time, capsys: pytest.CaptureFixture[str]
) -> None:
    logged = train(Pace(batch_size=32, every=60.0), clock, 100, 2.0)
    assert logged == pytest.approx([16.0] * 100)
    lines = capsys.readouterr().out.splitlines()
    steps = [int(re.findall(r"step (\d+)/1000", line)[0]) for line in lines]
    assert steps[0] == 2 and all(20 <= b - a <= 30 for a, b in pairwise(steps))
    assert "16.0 images/s, about 0:33:16 left" in lines[0]


def test_each_of_several_processes_says_which_it_is(
    clock: Time, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURMD_NODENAME", "node7")
    train(Pace(batch_size=32, every=60.0), clock, 2, 1.0, world=4)
    assert capsys.readouterr().out.endswith("(process 3 of 4, on node7)\n")


def test_where_a_bar_is_watched_it_prints_nothing(
    clock: Time, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(train(Pace(batch_size=32, every=None), clock, 3, 1.0)) == 3
    assert capsys.readouterr().out == ""
