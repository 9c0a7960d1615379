"""What training costs on a virtual GPU, counted while the real trainer runs it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback
from virtual_gpu import Tally, VirtualGPU

FIRST = 2  # the step that counting begins with: all is allocated by then


def counted(number: int) -> tuple[str, str]:
    """Settings of a training of so many counted steps."""
    callback = f"{{_target_: training_callbacks.counted_steps.CountSteps, number: {number}}}"
    return f"train.callbacks={{counted: {callback}}}", f"train.steps={FIRST + number + 1}"


class CountSteps(Callback):
    """Counts `number` steps from `FIRST` on, with all between them, and the validation.

    Set `gpu` before the training; `steps` and `validation` are what was counted.
    """

    gpu: VirtualGPU
    number: int
    steps: Tally
    validation: Tally

    def __init__(self, number: int) -> None:
        CountSteps.number = number
        self._counting = ExitStack()

    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == FIRST:
            CountSteps.steps = self._counting.enter_context(self.gpu.count())
        if trainer.global_step == FIRST + self.number:
            self._counting.close()

    def on_validation_start(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        CountSteps.validation = self._counting.enter_context(self.gpu.count())

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        self._counting.close()  # before anything is saved: checkpoints are written last


def check_steps(operations: int) -> None:
    """Fails where a step costs more operations, a sync, or any upload, on average."""
    tally, number = CountSteps.steps, CountSteps.number
    assert tally.num_operations > 0
    assert tally.num_syncs <= number, f"in {number} steps: {tally}"
    assert tally.num_uploads == 0, f"in {number} steps: {tally}"
    assert tally.num_operations <= operations * number, f"in {number} steps: {tally}"
