"""Which photos a training saw, process by process."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback


class SeenPhotos(Callback):
    """Writes a line a photo to `folder`/<rank>.txt: the step, and the hash of its pixels."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def on_train_batch_start(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        batch: dict[str, Any],
        batch_idx: int,
    ) -> None:
        self.folder.mkdir(exist_ok=True)
        with (self.folder / f"{trainer.global_rank}.txt").open("a") as file:
            for image in batch["image"].cpu().numpy():
                file.write(f"{trainer.global_step} {hash_pixels(image)}\n")


def hash_pixels(image: Any) -> str:
    """Of [H, W, 3] uint8."""
    return hashlib.sha256(image.tobytes()).hexdigest()
