"""The poses that a training stands on, kept with its W&B run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import WandbLogger

from callbacks.tracking import log_poses


class PoseRecord(Callback):
    """Logs the pictures of the poses, and labels and bank as an artifact, when training begins.

    A training that resumes goes on in the same W&B run and logs them no second time.

    Args:
        pictures: PNG files. files: what goes into the artifact.
        provenance: what the poses were found with: the artifact's metadata.
        mark: a file that is made when all is logged.
    """

    def __init__(
        self,
        pictures: Sequence[Path],
        files: Sequence[Path],
        provenance: dict[str, Any],
        mark: Path,
    ) -> None:
        self.pictures, self.files = pictures, files
        self.provenance, self.mark = provenance, mark

    def on_fit_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        if not trainer.is_global_zero or self.mark.exists():
            return
        loggers = [logger for logger in trainer.loggers if isinstance(logger, WandbLogger)]
        for logger in loggers:
            log_poses(logger, self.pictures, self.files, self.provenance)
        if loggers:
            self.mark.write_text("")
