"""A training that waits where it is to be stopped, so that it is stopped there and nowhere else."""

from __future__ import annotations

import os
import select
import signal
import time
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback
from processes import PATIENCE


class Held:
    """What a test knows of a training that is given `words`.

    Args:
        folder: made for it.
        part: the part of training that is held, train or refine, by whichever process comes first.
        step: before which.
        until: the signal that lets it go on; any by default.
    """

    def __init__(self, folder: Path, part: str = "train", step: int = 5, until: int = 0) -> None:
        folder.mkdir()
        self.folder = folder
        settings = {
            "_target_": "training_callbacks.held_training.HoldOnce",
            "folder": folder,
            "part": part,
            "step": step,
            "until": int(until),
        }
        self.words = [f"train.callbacks.hold.{key}={value}" for key, value in settings.items()]

    def is_there(self) -> bool:
        return (self.folder / "held").exists()

    def go(self) -> None:
        """Let it go on without a signal."""
        (self.folder / "go").touch()

    def again(self) -> None:
        """Have the next start held too."""
        for name in ("held", "go"):
            (self.folder / name).unlink(missing_ok=True)

    def steps(self) -> list[int]:
        """Those that were begun in the part, in order, of all its starts."""
        return [int(line) for line in (self.folder / "steps").read_text().splitlines()]


class HoldOnce(Callback):
    """Holds a part of a training before a step, the first time that it comes there."""

    def __init__(self, folder: str, part: str, step: int, until: int) -> None:
        self.folder, self.part, self.step, self.until = Path(folder), part, step, until

    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *_: Any
    ) -> None:
        if Path(trainer.default_root_dir).name != self.part:
            return
        if trainer.is_global_zero:
            with (self.folder / "steps").open("a") as file:
                file.write(f"{trainer.global_step}\n")
        if trainer.global_step == self.step and not (self.folder / "held").exists():
            self._hold()

    def _hold(self) -> None:
        heard, hears = os.pipe()  # the numbers of signals, besides what their handlers do
        os.set_blocking(hears, False)
        former = signal.set_wakeup_fd(hears)
        (self.folder / "held").touch()
        end = time.monotonic() + PATIENCE  # a job outlives the tests that started it
        while not (self.folder / "go").exists():
            if time.monotonic() > end:
                raise TimeoutError("nobody let it go on")
            ready = select.select([heard], [], [], 0.01)[0]
            if ready and self.until in (0, *os.read(heard, 100)):
                break
        signal.set_wakeup_fd(former)
