"""Told to stop, a training finishes its step, saves, and ends."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback
from submitit.core.utils import UncompletedJobError

from mirage.errors import MirageError

REQUEUE = signal.SIGUSR2  # what submitit has Slurm send, before time is over or to make room
_HEARD = (signal.SIGINT, signal.SIGTERM, REQUEUE)


class StoppedError(Exception):
    """The training was told to stop, and is saved.

    Attributes:
        requeue: puts the job back in the queue, which ends the process, or raises MirageError;
            None where nobody does.
    """

    def __init__(self, requeue: Callable[[], None] | None) -> None:
        super().__init__("stopped, and saved")
        self.requeue = requeue


class StopWhenTold(Callback):
    """Saves after the step in which a signal came to any process, then raises `StoppedError`.

    SIGTERM and SIGINT (Ctrl-C; a second one ends at once) stop; so does the signal by which Slurm
    says that the job is to go back in the queue. That has an owner, submitit's handler, which would
    act in the middle of a step: it is held back, and handed on with the error. In such a job
    SIGTERM saves and does not stop, for it precedes either that signal or the end. The handlers are
    in place while training runs: from after Lightning sets its own until they are put back.

    List it last: what it saves is the state after all the others.

    Args:
        checkpoint: the file to save to.
    """

    def __init__(self, checkpoint: Path) -> None:
        self.checkpoint = checkpoint
        self._told: set[int] = set()
        self._former: dict[int, Any] = {}

    def on_train_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        for number in _HEARD:
            self._former[number] = signal.signal(number, self._hear)

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
        # All processes must come to the same: a signal may be late at one, or sent to one only.
        agree = trainer.strategy.reduce_boolean_decision
        if not agree(bool(self._told), all=False):
            return
        back = agree(REQUEUE in self._told, all=False)
        trainer.save_checkpoint(self.checkpoint)
        requeue = self._requeue if self._has_owner else None
        if requeue is not None and not back:
            self._told.clear()
            return
        self._put_back()
        raise StoppedError(requeue if back else None)

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
                todo="submit it again: it is saved, and the same command goes on from here",
            ) from error
