"""A training saves now and then; told to stop, it finishes its step, saves, and ends."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback
from submitit.core.utils import UncompletedJobError

from mirage.core.errors import MirageError
from mirage.distributed.ranks import ALONE, Ranks

REQUEUE = signal.SIGUSR2  # what submitit has Slurm send, before time is over or to make room
_HEARD = (signal.SIGINT, signal.SIGTERM, REQUEUE)

# Processes ask one another now and then: each time, all wait for the slowest.
_ASK_AFTER = 1.0  # seconds
_ASK_WITHIN = 20  # steps, however short they are


class StoppedError(Exception):
    """The training was told to stop, and is saved.

    Attributes:
        requeue: puts the job back in the queue, which ends the process, or raises MirageError;
            None where nobody does.
    """

    def __init__(self, requeue: Callable[[], None] | None) -> None:
        super().__init__("stopped, and saved")
        self.requeue = requeue


@dataclass(frozen=True)
class _Word:
    """What a process brings to a meeting.

    Attributes:
        told: a signal came. requeue: it was the one that puts the job back.
        due: it is time to save. pace: seconds a step.
    """

    told: bool
    requeue: bool
    due: bool
    pace: float


class StopWhenTold(Callback):
    """Saves every `minutes`, and after the step in which a signal came; then raises `StoppedError`.

    SIGTERM and SIGINT (Ctrl-C; a second one ends at once) stop; so does the signal by which Slurm
    says that the job is to go back in the queue. That has an owner, submitit's handler, which would
    act in the middle of a step: it is held back, and handed on with the error. In such a job
    SIGTERM saves and does not stop, for it precedes either that signal or the end. The handlers are
    in place while training runs: from after Lightning sets its own until they are put back.

    One process alone acts after the very step. Several must all come to the same, since a signal
    may be late at one, or sent to one only, and no two clocks agree: they meet about once a second,
    and at least every 20 steps, on the CPU, so that no GPU is waited for.

    List it last: what it saves is the state after all the others.

    Args:
        checkpoint: the file to save to. minutes: from one time to the next.
        ranks: the processes that train together.
    """

    def __init__(self, checkpoint: Path, minutes: float = math.inf, ranks: Ranks = ALONE) -> None:
        self.checkpoint, self.minutes, self.ranks = checkpoint, minutes, ranks
        self._told: set[int] = set()
        self._former: dict[int, Any] = {}
        self._saved = self._met = 0.0  # when, seconds of the monotonic clock
        self._steps, self._meet_after = 0, 1  # since they met, and to the next time

    def on_train_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        for number in _HEARD:
            self._former[number] = signal.signal(number, self._hear)
        # SIGTERM comes here now. Lightning's loop would go on asking for it over the network at
        # every step, and wait for the device to read the answer.
        trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor = lambda: None  # type: ignore[method-assign]
        self._saved = self._met = time.monotonic()

    def _hear(self, number: int, frame: Any) -> None:
        if number == signal.SIGINT and number in self._told:
            raise KeyboardInterrupt
        self._told.add(number)

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        self._steps += 1
        # At the end, too: a signal that nobody answers would be lost on what comes next.
        if self._steps < self._meet_after and trainer.global_step < trainer.max_steps:
            return
        words = self._meet()
        told = any(word.told for word in words)
        if not (told or words[0].due):
            return
        trainer.save_checkpoint(self.checkpoint)
        self._saved = time.monotonic()
        if not told:
            return
        back = any(word.requeue for word in words)
        requeue = self._requeue if self._has_owner else None
        if requeue is not None and not back:
            self._told.clear()
            return
        self._put_back()
        raise StoppedError(requeue if back else None)

    def _meet(self) -> list[_Word]:
        """What all processes have to say, the first one's word first."""
        now = time.monotonic()
        pace = (now - self._met) / self._steps
        due = now - self._saved >= 60 * self.minutes
        word = _Word(bool(self._told), REQUEUE in self._told, due, pace)
        words = self.ranks.gather(word)
        self._met, self._steps = now, 0
        if self.ranks.world > 1:
            slowest = max(word.pace for word in words)
            steps = _ASK_WITHIN if slowest <= 0 else int(_ASK_AFTER / slowest)
            self._meet_after = min(max(steps, 1), _ASK_WITHIN)
        return words

    def teardown(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, stage: str
    ) -> None:
        self._put_back()

    @property
    def _has_owner(self) -> bool:
        return callable(self._former.get(REQUEUE))

    def _put_back(self) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def _requeue(self) -> None:
        try:
            self._former[REQUEUE](REQUEUE, None)
        except (UncompletedJobError, CalledProcessError) as error:
            if getattr(error, "returncode", 1) < 0:  # put back, which killed what told of it
                return
            raise MirageError(
                f"the job is not put back in the queue: {error}",
                where="Slurm",
                todo="submit it again: it is saved, and the same command resumes from here",
            ) from error
