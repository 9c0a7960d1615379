"""The training's own record on disk: metrics.csv, one row a logged step, whole after any kill."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback

COLUMNS = ("step", "train_loss", "val_loss", "learning_rate")


class MetricsFile(Callback):
    """Appends to `path` every `every` steps and at each validation.

    A resumed run drops the rows after the step it resumes from, so the curve has no doubled part,
    and takes up the losses of the row that was begun.
    """

    def __init__(self, path: Path, every: int) -> None:
        self.path, self.every = path, every
        self._losses: list[float] = []

    def state_dict(self) -> dict[str, Any]:
        return {"losses": list(self._losses)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._losses = list(state_dict["losses"])

    def on_train_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
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
        if not trainer.is_global_zero:
            return
        if "train/loss" in trainer.callback_metrics:
            self._losses.append(float(trainer.callback_metrics["train/loss"]))
        if trainer.global_step % self.every or not self._losses:
            return
        self._write(
            step=trainer.global_step,
            train_loss=f"{sum(self._losses) / len(self._losses):.5f}",
            learning_rate=f"{trainer.optimizers[0].param_groups[0]['lr']:.3g}",
        )
        self._losses.clear()

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
