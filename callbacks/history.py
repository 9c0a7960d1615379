"""The training's own record: its losses, in metrics.csv, whole after any kill, and in W&B."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

COLUMNS = ("step", "train_loss", "val_loss", "learning_rate")

_BEGUN = "losses_since_the_last_row"  # in a checkpoint
_LOSSES = ("train/loss", "train/pair_loss", "train/discriminator_loss")  # as the module logs them


class MetricsFile(Callback):
    """Appends to `path` every `every` steps and at each validation, and tells the loggers.

    A loss is the mean over the steps since the last row, and over all processes. Losses stay on the
    device until then: reading one waits for all that the device still has to do.

    A resumed run drops the rows after the step it resumes from, so the curve has no doubled part,
    and takes up the losses of the row that was begun.
    """

    def __init__(self, path: Path, every: int) -> None:
        self.path, self.every = path, every
        self._losses: dict[str, list[Tensor]] = {}

    def on_save_checkpoint(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        checkpoint: dict[str, Any],
    ) -> None:
        # One process writes, for all: what each goes on from is the mean over them.
        checkpoint[_BEGUN] = {
            name: trainer.strategy.reduce(torch.stack(of), reduce_op="mean").cpu()
            for name, of in self._losses.items()
        }

    def on_load_checkpoint(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        checkpoint: dict[str, Any],
    ) -> None:
        self._losses = {name: list(of) for name, of in checkpoint.get(_BEGUN, {}).items()}

    def on_train_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        device = pl_module.device
        self._losses = {name: [x.to(device) for x in of] for name, of in self._losses.items()}
        if not trainer.is_global_zero:
            return
        kept = [r for r in read_history(self.path) if float(r["step"]) <= trainer.global_step]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_suffix(".tmp")
        with temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(kept)
        temporary.replace(self.path)

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: object,
        batch: dict[str, object],
        batch_idx: int,
    ) -> None:
        logged = trainer.callback_metrics
        for name in _LOSSES:
            if name in logged:
                self._losses.setdefault(name, []).append(logged[name])
        if trainer.global_step % self.every or not self._losses:
            return
        means = torch.stack([torch.stack(of).mean() for of in self._losses.values()])
        everyones: Any = trainer.strategy.reduce(means, reduce_op="mean")
        names = list(self._losses)
        self._losses = {}
        if not trainer.is_global_zero:
            return
        read = dict(zip(names, everyones.tolist(), strict=True))
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        for logger in trainer.loggers:
            logger.log_metrics(read | {"train/learning_rate": rate}, trainer.global_step)
        self._write(
            step=trainer.global_step,
            train_loss=f"{read['train/loss']:.5f}",
            learning_rate=f"{rate:.3g}",
        )

    def on_validation_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        if trainer.is_global_zero and "val/loss" in trainer.callback_metrics:
            loss = float(trainer.callback_metrics["val/loss"])
            self._write(step=trainer.global_step, val_loss=f"{loss:.5f}")

    def _write(self, **row: object) -> None:
        with self.path.open("a", newline="") as file:
            csv.DictWriter(file, COLUMNS).writerow(row)


def read_history(path: Path) -> list[dict[str, str]]:
    """The rows of a metrics.csv; a last line cut short by a kill is left out."""
    if not path.exists():
        return []
    text = path.read_text()
    return list(csv.DictReader(text[: text.rfind("\n") + 1].splitlines()))
