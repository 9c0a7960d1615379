"""The precision of a training: what is faster where it begins, and that to its end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from processes import share_out

from mirage.config import TrainConfig
from mirage.distributed import device
from mirage.distributed.ranks import Ranks
from mirage.model.denoiser import PoseDenoiser
from mirage.training import precision
from mirage.training.checkpoints import LAST
from mirage.training.precision import PRECISION, settle_precision, time_training

MakeDenoiser = Callable[..., PoseDenoiser]
LONG = TrainConfig(steps=1000)


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """What is measured on this processor, which has bf16."""
    seconds = {"fp32": 1.0, "bf16": 0.5}
    monkeypatch.setattr(precision, "computes_in_bf16", lambda where: True)
    monkeypatch.setattr(precision, "time_training", lambda *_: dict(seconds))
    return seconds


@pytest.mark.parametrize(("bf16", "chosen"), [(0.5, "bf16"), (0.95, "fp32"), (2.0, "fp32")])
def test_a_processor_takes_what_is_faster_and_says_which(
    bf16: float,
    chosen: str,
    timed: dict[str, float],
    make_denoiser: MakeDenoiser,
    capsys: pytest.CaptureFixture[str],
) -> None:
    timed["bf16"] = bf16
    assert settle_precision(LONG, make_denoiser(), 8) == chosen
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 1 and f"auto: {chosen}" in said[0] and f"{bf16:.2f}" in said[0]


@pytest.mark.parametrize("asked", ["fp32", "bf16"])
def test_what_is_asked_for_is_taken_without_a_word(
    asked: str, make_denoiser: MakeDenoiser, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = TrainConfig(precision=asked)
    assert settle_precision(config, make_denoiser(), 8, tmp_path) == asked
    assert capsys.readouterr().out == "" and list(tmp_path.iterdir()) == []


def test_a_training_goes_on_in_the_precision_that_it_began_with(
    timed: dict[str, float], make_denoiser: MakeDenoiser, tmp_path: Path
) -> None:
    assert settle_precision(LONG, make_denoiser(), 8, tmp_path) == "bf16"
    timed["bf16"] = 2.0  # on another machine
    assert settle_precision(LONG, make_denoiser(), 8, tmp_path) == "bf16"
    assert (tmp_path / PRECISION).read_text() == "bf16"
    assert settle_precision(LONG, make_denoiser(), 8) == "fp32"


def test_a_training_of_before_there_was_a_note_of_it_goes_on_as_it_was(
    timed: dict[str, float], make_denoiser: MakeDenoiser, tmp_path: Path
) -> None:
    (tmp_path / LAST).touch()
    assert settle_precision(LONG, make_denoiser(), 8, tmp_path) == "fp32"


def test_all_processes_take_what_the_first_one_found(
    monkeypatch: pytest.MonkeyPatch, make_denoiser: MakeDenoiser, tmp_path: Path
) -> None:
    found = {0: ("bf16", "it is faster"), 1: ("fp32", "it is faster")}
    here: list[int] = []
    monkeypatch.setattr(precision, "_choose", lambda train, network, rows, loss: found[rows])
    denoiser = make_denoiser()

    def settle(ranks: Ranks) -> str:
        here.append(ranks.rank)
        return settle_precision(LONG, denoiser, ranks.rank, tmp_path, ranks)

    assert share_out(2, settle) == ["bf16", "bf16"] and sorted(here) == [0, 1]


@pytest.mark.parametrize(("has_bf16", "steps"), [(False, 1000), (True, 10)])
def test_nothing_is_measured_where_it_cannot_pay(
    has_bf16: bool,
    steps: int,
    monkeypatch: pytest.MonkeyPatch,
    make_denoiser: MakeDenoiser,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(precision, "computes_in_bf16", lambda where: has_bf16)
    monkeypatch.delattr(precision, "time_training")
    assert settle_precision(TrainConfig(steps=steps), make_denoiser(), 8) == "fp32"
    assert "auto: fp32" in capsys.readouterr().out


def test_measuring_leaves_the_network_and_the_generator_as_they_were(
    make_denoiser: MakeDenoiser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "_SECONDS", 0.0)
    denoiser, weights = make_denoiser(), make_denoiser().state_dict()
    torch.manual_seed(3)
    following = torch.rand(1)
    torch.manual_seed(3)
    seconds = time_training(denoiser.train(), 2)
    assert torch.rand(1) == following
    assert set(seconds) == {"fp32", "bf16"} and all(0 < s < 60 for s in seconds.values())
    assert all(weight.grad is None for weight in denoiser.parameters())
    assert all(torch.equal(value, weights[k]) for k, value in denoiser.state_dict().items())
