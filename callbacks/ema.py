"""Exponential moving average of the weights, warmed up so that short trainings are served too."""

from __future__ import annotations

import torch
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor


class WarmupEMA(WeightAveraging):
    """Lightning's weight averaging with decay min(decay, (1 + n) / (10 + n)) at the n-th update.

    Without the warm-up the average would still hold a tenth of the initial weights after 2.3 /
    (1 − decay) steps. Validation, checkpoints and export see the average; list this callback after
    those that look at it during validation and before ModelCheckpoint.
    """

    def __init__(self, decay: float) -> None:
        def average(averaged: Tensor, current: Tensor, num_averaged: Tensor | int) -> Tensor:
            n = float(num_averaged)
            return averaged.lerp(current, 1 - min(decay, (1 + n) / (10 + n)))

        super().__init__(device=None, use_buffers=True, avg_fn=torch.no_grad()(average))
