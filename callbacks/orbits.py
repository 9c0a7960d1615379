"""Orbits of fixed held-out photos during validation: what the model can do now, as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import WandbLogger

from callbacks.tracking import log_pictures
from mirage.config import ViewsConfig
from mirage.contracts import ByteArray, Orbit, PosedPhoto, PoseRing
from mirage.report.films import save_gif
from mirage.report.panels import contact_sheet
from mirage.sampler.orbit import sample_orbit
from mirage.sampler.targets import ring_azimuths


class OrbitViews(Callback):
    """Turns fixed references after each validation and writes a contact sheet and a GIF.

    List it before the EMA callback: the averaged weights are live then, and no longer after it.
    Every rank samples an equal share (padded), so no collective waits for a rank that has none;
    views do not depend on who sampled them.
    """

    def __init__(
        self,
        references: list[PosedPhoto],
        ring: PoseRing,
        config: ViewsConfig,
        folder: Path,
    ) -> None:
        self.references, self.ring, self.config, self.folder = references, ring, config, folder

    def on_validation_epoch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        if trainer.sanity_checking or not self.references:
            return
        num = len(self.references)
        padded = np.resize(np.arange(num), -(-num // trainer.world_size) * trainer.world_size)
        mine = padded[trainer.global_rank :: trainer.world_size]
        frames = np.stack([self._sample(pl_module, self.references[i]).frames for i in mine])
        gathered: Any = pl_module.all_gather(torch.from_numpy(frames).to(pl_module.device))
        if not trainer.is_global_zero:
            return
        # all_gather adds a rank axis only where there are ranks; rank r holds references r, r+W, …
        stacked = gathered.reshape(trainer.world_size, len(mine), *frames.shape[1:])
        in_order = stacked.transpose(0, 1).flatten(0, 1)[:num].cpu().numpy()
        self._write(trainer, in_order)

    def _sample(self, pl_module: lightning.LightningModule, reference: PosedPhoto) -> Orbit:
        training = pl_module.training
        pl_module.eval()
        orbit = sample_orbit(
            pl_module.denoiser,  # type: ignore[arg-type]
            self.ring,
            [reference],
            ring_azimuths(self.ring, self.config.count),
            self.config,
        )
        pl_module.train(training)
        return orbit

    def _write(self, trainer: lightning.Trainer, frames: ByteArray) -> None:
        """`frames`: [R, V, H, W, 3]."""
        azimuths = ring_azimuths(self.ring, self.config.count)
        orbits = [
            Orbit(r.pixels, f, azimuths, np.zeros(len(f), np.int64), r.pose)
            for r, f in zip(self.references, frames, strict=True)
        ]
        self.folder.mkdir(parents=True, exist_ok=True)
        stem = self.folder / f"step_{trainer.global_step:07d}"
        sheet = contact_sheet(orbits)
        sheet.save(stem.with_suffix(".png"))
        # All references side by side, turning together: [V, H, R·W, 3].
        save_gif(np.concatenate(list(frames), axis=2), stem.with_suffix(".gif"))
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                log_pictures(
                    logger, "views", stem.with_suffix(".png"), stem.with_suffix(".gif"),
                    trainer.global_step,
                )  # fmt: skip
