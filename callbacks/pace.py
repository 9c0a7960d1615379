"""How fast a training goes, and how long it will take."""

from __future__ import annotations

import os
import socket
import time
from contextlib import ExitStack
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback

from mirage.core.progress import counting


class Pace(Callback):
    """Shows the progress of a training, and logs `train/images_per_second` of all processes.

    The rate is that since it was last logged, waiting for data included, validation left out. Every
    process has a log of its own where there are several, and tells which it is.

    Args:
        what: is trained. batch_size: of all processes together. every: steps, to log the rate.
    """

    def __init__(self, what: str, batch_size: int, every: int) -> None:
        self.what, self.batch_size, self.every = what, batch_size, every
        self._shown = ExitStack()
        self._steps, self._since, self._validation = 0, 0.0, 0.0

    def on_train_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        node = os.environ.get("SLURMD_NODENAME") or socket.gethostname()
        several = trainer.world_size > 1
        where = f"process {trainer.global_rank} of {trainer.world_size}, on {node}" * several
        self._count = self._shown.enter_context(
            counting(
                self.what,
                trainer.max_steps,
                done=trainer.global_step,
                unit="images",
                each=self.batch_size,
                where=where,
            )
        )
        self._since = time.monotonic()

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        self._count(1)
        self._steps += 1
        if trainer.global_step % self.every:
            return
        now = time.monotonic()
        rate = self._steps * self.batch_size / max(now - self._since, 1e-9)
        self._steps, self._since = 0, now
        for logger in trainer.loggers:
            logger.log_metrics({"train/images_per_second": rate}, trainer.global_step)

    def on_validation_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        self._validation = time.monotonic()

    def on_validation_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        self._since += time.monotonic() - self._validation

    def teardown(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, stage: str
    ) -> None:
        self._shown.close()
