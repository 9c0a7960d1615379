"""The averaged weights follow the warmed-up recursion."""

from __future__ import annotations

from typing import Any

import lightning
import pytest
import torch
from lightning.pytorch.callbacks import Callback
from torch import nn
from torch.utils.data import DataLoader

from callbacks.ema import WarmupEMA


class Counter(lightning.LightningModule):
    """Its one weight is 1, 2, 3, … after each step."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        return -self.weight.sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=1.0)


def averaged_after(num_steps: int, decay: float) -> float:
    module, ema = Counter(), WarmupEMA(decay)
    trainer = lightning.Trainer(
        accelerator="cpu", max_steps=num_steps, logger=False, enable_progress_bar=False,
        enable_model_summary=False, enable_checkpointing=False, callbacks=[ema],
    )  # fmt: skip
    trainer.fit(module, DataLoader([0] * num_steps))  # type: ignore[arg-type]
    return module.weight.item()  # Lightning leaves the average in the module at the end


@pytest.mark.parametrize("decay", [0.2, 0.999])
@pytest.mark.parametrize("num_steps", [1, 5, 30])
def test_the_average_is_the_warmed_up_recursion(num_steps: int, decay: float) -> None:
    average = 1.0  # the first update copies
    for n, weight in enumerate(range(2, num_steps + 1), start=1):
        rate = min(decay, (1 + n) / (10 + n))
        average = rate * average + (1 - rate) * weight
    assert averaged_after(num_steps, decay) == pytest.approx(average, rel=1e-4)


def test_a_short_training_is_not_left_behind() -> None:
    """Thirty steps at decay 0.999: without a warm-up the average would still be near 1."""
    assert averaged_after(30, 0.999) > 20


def test_it_is_a_callback_that_lightning_knows() -> None:
    assert isinstance(WarmupEMA(0.9), Callback)
