"""How fast a training goes, and how long it will take."""

from __future__ import annotations

import os
import socket
import time
from contextlib import ExitStack
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback

from mirage.progress import counting


class Pace(Callback):
    """Shows the progress of a training, and logs `train/images_per_second` of all processes.

    Every process has a log of its own where there are several, and tells which it is.

    Args:
        what: is trained. batch_size: of all processes together.
    """

    def __init__(self, what: str, batch_size: int) -> None:
        self.what, self.batch_size = what, batch_size
        self._shown = ExitStack()
        self._steps, self._seconds = 0, 0.0
        self._began = 0.0

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

    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, batch: Any, _: int
    ) -> None:
        self._began = time.monotonic()

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        self._steps += 1
        self._seconds += time.monotonic() - self._began
        rate = self._steps * self.batch_size / max(self._seconds, 1e-9)
        pl_module.log("train/images_per_second", rate)
        self._count(1)

    def teardown(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, stage: str
    ) -> None:
        self._shown.close()
