"""The poses that a training stands on, kept with its W&B run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import lightning
from lightning.pytorch.callbacks import Callback

from mirage.tracking.artifacts import Bundle, use_bundle
from mirage.tracking.logger import log_pictures, runs_of
from mirage.tracking.names import STEP, define


class PoseRecord(Callback):
    """Logs the pictures of the poses, and that the training uses them, when it begins.

    A training that resumes goes on in the same W&B run and logs them no second time.

    Args:
        pictures: PNG files. poses: gives labels and bank; called only where they are recorded.
        mark: a file that is made when all is logged.
    """

    def __init__(self, pictures: Sequence[Path], poses: Callable[[], Bundle], mark: Path) -> None:
        self.pictures, self.poses, self.mark = pictures, poses, mark

    def on_fit_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        if not trainer.is_global_zero:
            return
        runs = runs_of(trainer.loggers)
        for run in runs:
            define(run)
            if not self.mark.exists():
                log_pictures(run, "poses", self.pictures, **{STEP: 0})
                use_bundle(run, self.poses())
        if runs:
            self.mark.write_text("")
