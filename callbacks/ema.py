"""Exponential moving average of the weights, warmed up so that short trainings are served too."""

from __future__ import annotations

from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor, nn


class WarmupEMA(WeightAveraging):
    """Lightning's weight averaging with decay min(decay, (1 + n) / (10 + n)) at the n-th update.

    Without the warm-up the average would still hold a tenth of the initial weights after 2.3 /
    (1 − decay) steps. Validation, checkpoints and export see the average; list this callback after
    those that look at it during validation and before ModelCheckpoint.

    The average lives where the training runs, and an update never waits for the device: Lightning's
    own would copy every tensor to where the module was built, and read the number of updates back.
    """

    def __init__(self, decay: float) -> None:
        super().__init__(use_buffers=True)
        self.decay = decay
        self._pairs: tuple[list[Tensor], list[Tensor]] | None = None

    def setup(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, stage: str
    ) -> None:
        self._device = trainer.strategy.root_device  # the module is moved there later
        super().setup(trainer, pl_module, stage)
        if stage == "fit":
            assert self._average_model is not None
            self._average_model.n_averaged = torch.tensor(0)  # on the CPU: it is read at every step

    def on_train_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        assert self._average_model is not None
        self._pairs = _averaged(self._average_model.module), _averaged(pl_module)

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        if trainer.global_step <= self._latest_update_step:
            return
        assert self._average_model is not None and self._pairs is not None
        n = int(self._average_model.n_averaged)
        decay = min(self.decay, (1 + n) / (10 + n)) if n else 0.0  # the first update copies
        torch._foreach_lerp_(*self._pairs, 1 - decay)
        self._average_model.n_averaged += 1
        self._latest_update_step = trainer.global_step

    def teardown(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, stage: str
    ) -> None:
        self._pairs = None


def _averaged(module: nn.Module) -> list[Tensor]:
    """What of a module is averaged: weights that are trained, and buffers, all floating point.

    Nothing else of a denoiser ever changes.
    """
    trained = (weight.detach() for weight in module.parameters() if weight.requires_grad)
    return [*trained, *(buffer for buffer in module.buffers() if buffer.is_floating_point())]
