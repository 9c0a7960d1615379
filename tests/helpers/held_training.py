"""A training that waits where it is to be stopped, so that it is stopped there and nowhere else."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback


class Held:
    """What a test knows of a training that was given the words of `words`."""

    def __init__(self, folder: Path, part: str = "train", step: int = 5) -> None:
        folder.mkdir()
        self.folder = folder
        self.words = [f"train.callbacks.hold.{key}={value}" for key, value in (
            ("_target_", "held_training.HoldOnce"), ("folder", folder), ("part", part),
            ("step", step),
        )]  # fmt: skip

    def is_there(self) -> bool:
        return (self.folder / "held").exists()

    def go(self) -> None:
        (self.folder / "go").touch()

    def steps(self) -> list[int]:
        """Those begun in the part, in order; a second start adds its own."""
        return [int(line) for line in (self.folder / "steps").read_text().splitlines()]


class HoldOnce(Callback):
    """Holds `part` of a training, train or refine, before a step, the first time it comes there."""

    def __init__(self, folder: str, part: str, step: int) -> None:
        self.folder, self.part, self.step = Path(folder), part, step

    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *_: Any
    ) -> None:
        if Path(trainer.default_root_dir).name != self.part:
            return
        with (self.folder / "steps").open("a") as file:
            file.write(f"{trainer.global_step}\n")
        if trainer.global_step == self.step and not (self.folder / "held").exists():
            (self.folder / "held").touch()
            while not (self.folder / "go").exists():
                time.sleep(0.01)
