"""A training saves now and then; told to stop it finishes the step, saves once, and says so."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CalledProcessError
from types import SimpleNamespace
from typing import Any

import lightning
import pytest
import torch
from lightning.pytorch.callbacks import Callback
from processes import share_out
from submitit.core.utils import UncompletedJobError

from mirage.callbacks import stopping
from mirage.callbacks.stopping import REQUEUE, StoppedError, StopWhenTold
from mirage.config import TrainConfig
from mirage.core.errors import MirageError
from mirage.datamodules.posed import PosedImages
from mirage.distributed.ranks import Ranks
from mirage.model.denoiser import PoseDenoiser
from mirage.model.lit import PoseDiffusion

MakeDenoiser = Callable[..., PoseDenoiser]
MakeData = Callable[[int], PosedImages]
STEPS = 6


class Tell(Callback):
    """Sends this process signals in the middle of step 3."""

    def __init__(self, *numbers: int) -> None:
        self.numbers = numbers

    def on_after_backward(self, trainer: Any, pl_module: Any) -> None:
        if trainer.global_step == 2:
            for number in self.numbers:
                os.kill(os.getpid(), number)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM, REQUEUE)
    before = [signal.getsignal(number) for number in numbers]
    signal.signal(REQUEUE, signal.SIG_DFL)
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture
def train(
    make_denoiser: MakeDenoiser, make_data: MakeData, tmp_path: Path
) -> Callable[..., lightning.Trainer]:
    def run(*numbers: int) -> lightning.Trainer:
        saved: list[int] = []
        trainer = lightning.Trainer(
            accelerator="cpu",
            max_steps=STEPS,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            limit_val_batches=0,
            callbacks=[Tell(*numbers), StopWhenTold(tmp_path / "last.ckpt")],
        )
        save = trainer.save_checkpoint
        trainer.save_checkpoint = lambda path: (saved.append(trainer.global_step), save(path))  # type: ignore[method-assign, assignment, func-returns-value]
        trainer.saved = saved  # type: ignore[attr-defined]
        module = PoseDiffusion(make_denoiser(), TrainConfig(steps=STEPS, warmup_steps=1))
        try:
            trainer.fit(module, make_data(STEPS))
        except StoppedError as error:
            trainer.stopped = error  # type: ignore[attr-defined]
        return trainer

    return run


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, REQUEUE])
def test_it_ends_after_the_step_and_is_saved(
    train: Callable[..., Any], tmp_path: Path, number: signal.Signals
) -> None:
    before = signal.getsignal(number)
    trainer = train(number)
    assert trainer.stopped.requeue is None  # nobody puts it back
    assert trainer.saved == [3]
    state = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert state["global_step"] == 3 and len(state["optimizer_states"]) == 1
    assert signal.getsignal(number) == before


def test_the_owner_of_the_signal_acts_after_it_is_saved(
    train: Callable[..., Any], tmp_path: Path
) -> None:
    acted: list[bool] = []
    signal.signal(REQUEUE, lambda *_: acted.append((tmp_path / "last.ckpt").exists()))
    trainer = train(REQUEUE, signal.SIGTERM)
    assert trainer.saved == [3] and not acted
    trainer.stopped.requeue()
    assert acted == [True]


@pytest.mark.parametrize(
    ("fails", "says"),
    [
        (UncompletedJobError("timed-out too many times"), "timed-out too many times"),
        (CalledProcessError(1, "scontrol"), "scontrol"),
        (CalledProcessError(-signal.SIGTERM, "scontrol"), ""),  # the requeue itself kills it
    ],
)
def test_a_job_that_is_not_put_back_says_so(
    train: Callable[..., Any], fails: Exception, says: str
) -> None:
    def refuse(*_: object) -> None:
        raise fails

    signal.signal(REQUEUE, refuse)
    stopped = train(REQUEUE).stopped
    if not says:
        stopped.requeue()
        return
    with pytest.raises(MirageError, match=says):
        stopped.requeue()


def test_in_a_job_that_can_be_put_back_sigterm_only_saves(train: Callable[..., Any]) -> None:
    """What follows tells: the signal that puts it back, or the end."""
    signal.signal(REQUEUE, lambda *_: None)
    trainer = train(signal.SIGTERM)
    assert trainer.saved == [3] and trainer.global_step == STEPS
    assert not hasattr(trainer, "stopped")


def test_a_second_ctrl_c_does_not_wait(train: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(SystemExit):  # Lightning's answer to it
        train(signal.SIGINT, signal.SIGINT)
    assert not (tmp_path / "last.ckpt").exists()


def test_untold_it_neither_saves_nor_stops(train: Callable[..., Any], tmp_path: Path) -> None:
    trainer = train()
    assert trainer.saved == [] and trainer.global_step == STEPS


class Step:
    """What of a Trainer the callback looks at, and the clock, one step after another."""

    def __init__(self, callback: StopWhenTold, steps: int = 1000) -> None:
        self.callback = callback
        self.saved: list[int] = []
        self.trainer: Any = SimpleNamespace(
            global_step=0,
            max_steps=steps,
            save_checkpoint=self._save,
            fit_loop=SimpleNamespace(epoch_loop=SimpleNamespace()),
        )
        callback.on_train_start(self.trainer, None)  # type: ignore[arg-type]

    def _save(self, path: Path) -> None:
        self.saved.append(self.trainer.global_step)

    def __call__(self) -> None:
        self.trainer.global_step += 1
        self.callback.on_train_batch_end(self.trainer, None, None, None, 0)  # type: ignore[arg-type]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(stopping.time, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize(("minutes", "saved"), [(1.0, [6, 12, 18]), (0.0, list(range(1, 21)))])
def test_it_saves_every_so_many_minutes(
    minutes: float, saved: list[int], clock: list[float], tmp_path: Path
) -> None:
    step = Step(StopWhenTold(tmp_path, minutes))
    for _ in range(20):
        clock[0] += 10.0
        step()
    assert step.saved == saved
    step.callback.teardown(step.trainer, None, "fit")  # type: ignore[arg-type]


class Counted(Ranks):
    """A process of two, of which the other says the same."""

    gathered = 0

    def gather(self, mine: Any) -> list[Any]:
        Counted.gathered += 1
        return [mine, mine]


@pytest.mark.parametrize(("seconds", "meetings"), [(0.001, 6), (0.1, 11), (2.0, 101)])
def test_processes_meet_about_once_a_second(
    seconds: float, meetings: int, clock: list[float], tmp_path: Path
) -> None:
    Counted.gathered = 0
    step = Step(StopWhenTold(tmp_path, ranks=Counted(0, 2)))
    for _ in range(101):
        clock[0] += seconds
        step()
    assert Counted.gathered == meetings
    step.callback.teardown(step.trainer, None, "fit")  # type: ignore[arg-type]


@pytest.mark.parametrize("steps", [200, 33])
def test_all_processes_stop_after_the_same_step(
    steps: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One is told, in its 31st step; the other is slower, and is told nothing."""
    monkeypatch.setattr(stopping.signal, "signal", lambda number, handler: None)  # in threads

    def train(ranks: Ranks) -> tuple[int, list[int]]:
        step = Step(StopWhenTold(tmp_path, ranks=ranks), steps)
        for number in range(1, steps + 1):
            if (ranks.rank, number) == (1, 31):
                step.callback._hear(signal.SIGTERM, None)
            try:
                step()
            except StoppedError:
                break
        return step.trainer.global_step, step.saved

    (one, saved), (other, saved_too) = share_out(2, train)  # type: ignore[misc]
    assert one == other == min(steps, 41)  # they met after steps 1, 21 and 41, or at the end
    assert saved == saved_too == [one]


def test_lightning_asks_no_longer_for_a_signal_that_does_not_come_to_it(tmp_path: Path) -> None:
    """It would do so over the network, and read the answer from the device, at every step."""
    step = Step(StopWhenTold(tmp_path))
    assert step.trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor() is None
    assert hasattr(lightning.pytorch.loops._TrainingEpochLoop, "_broadcast_sigterm_tensor")
    step.callback.teardown(step.trainer, None, "fit")  # type: ignore[arg-type]
