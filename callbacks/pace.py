"""How fast a training goes, and how long it will take, in logs and in W&B."""

from __future__ import annotations

import math
import os
import socket
import time
from datetime import timedelta
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback


class Pace(Callback):
    """Logs `train/images_per_second` of all processes, and prints a line now and then.

    Every process prints, for each has a log of its own, with its number and machine.

    Args:
        batch_size: of all processes together.
        every: seconds between lines; None prints none (somebody watches a progress bar).
    """

    def __init__(self, batch_size: int, every: float | None) -> None:
        self.batch_size, self.every = batch_size, every
        self._steps, self._seconds = 0, 0.0  # trained, since the last line
        self._began = 0.0
        self._spoke = -math.inf  # the first line comes soon: that it trains at all is news

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
        now = time.monotonic()
        self._steps += 1
        self._seconds += now - self._began
        rate = self._steps / max(self._seconds, 1e-9)
        pl_module.log("train/images_per_second", rate * self.batch_size)
        if self.every is None or now - self._spoke < self.every or self._steps < 2:
            return
        print(self._line(trainer, rate), flush=True)
        self._spoke, self._steps, self._seconds = now, 0, 0.0

    def _line(self, trainer: lightning.Trainer, rate: float) -> str:
        step, total = trainer.global_step, trainer.max_steps
        left = timedelta(seconds=round((total - step) / rate))
        line = f"step {step}/{total}, {rate * self.batch_size:.1f} images/s, about {left} left"
        if trainer.world_size == 1:
            return line
        node = os.environ.get("SLURMD_NODENAME") or socket.gethostname()
        return f"{line} (process {trainer.global_rank} of {trainer.world_size}, on {node})"
