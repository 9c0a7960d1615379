"""Orbits of fixed held-out photos during validation: what the model can do now, as pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback

from mirage.config import ViewsConfig
from mirage.core.contracts import ByteArray, Orbit, PosedPhoto, PoseLabels, PoseRing
from mirage.drawing.films import save_gif
from mirage.drawing.panels import contact_sheet
from mirage.sampler.orbit import OrbitRequest, sample_orbits
from mirage.sampler.targets import nearest_pose, ring_azimuths
from mirage.tracking.logger import runs_of
from mirage.tracking.review import Reading, ReviewRow, log_views, review_rows

ReadPoses = Callable[[ByteArray], PoseLabels | None]


class OrbitViews(Callback):
    """Turns fixed references after each validation and writes a contact sheet and a GIF.

    List it before the EMA callback: the averaged weights are live then, and no longer after it.
    Every rank samples an equal share (padded), so no collective waits for a rank that has none;
    views do not depend on who sampled them.

    Args:
        references: photos by their names.
        read: the poses of [B, H, W, 3] uint8 views, or None where they cannot be read; called only
            where W&B is told of them.
    """

    def __init__(
        self,
        references: Mapping[str, PosedPhoto],
        ring: PoseRing,
        config: ViewsConfig,
        folder: Path,
        read: ReadPoses = lambda views: None,
    ) -> None:
        self.references, self.ring, self.config, self.folder = references, ring, config, folder
        self.read = read

    def on_validation_epoch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        if trainer.sanity_checking or not self.references:
            return
        num = len(self.references)
        padded = np.resize(np.arange(num), -(-num // trainer.world_size) * trainer.world_size)
        mine = padded[trainer.global_rank :: trainer.world_size]
        photos = list(self.references.values())
        frames = self._sample(pl_module, [photos[i] for i in mine])
        gathered: Any = pl_module.all_gather(torch.from_numpy(frames).to(pl_module.device))
        if not trainer.is_global_zero:
            return
        # all_gather adds a rank axis only where there are ranks; rank r holds references r, r+W, …
        stacked = gathered.reshape(trainer.world_size, len(mine), *frames.shape[1:])
        in_order = stacked.transpose(0, 1).flatten(0, 1)[:num].cpu().numpy()
        self._write(trainer, in_order)

    def _sample(
        self, pl_module: lightning.LightningModule, references: Sequence[PosedPhoto]
    ) -> ByteArray:
        """[R, V, H, W, 3] uint8."""
        azimuths = ring_azimuths(self.ring, self.config.count)
        turns = [OrbitRequest([reference], azimuths) for reference in references]
        training = pl_module.training
        pl_module.eval()
        orbits = sample_orbits(
            pl_module.denoiser,  # type: ignore[arg-type]
            self.ring,
            turns,
            self.config,
        )
        pl_module.train(training)
        return np.stack([orbit.frames for orbit in orbits])

    def _write(self, trainer: lightning.Trainer, frames: ByteArray) -> None:
        """`frames`: [R, V, H, W, 3]."""
        azimuths = ring_azimuths(self.ring, self.config.count)
        poses = nearest_pose(self.ring, azimuths)
        orbits = {
            name: Orbit(photo.pixels, views, azimuths, poses, photo.pose)
            for (name, photo), views in zip(self.references.items(), frames, strict=True)
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        stem = self.folder / f"step_{trainer.global_step:07d}"
        contact_sheet(list(orbits.values())).save(stem.with_suffix(".png"))
        # All references side by side, turning together: [V, H, R·W, 3].
        save_gif(np.concatenate(list(frames), axis=2), stem.with_suffix(".gif"))
        for run in runs_of(trainer.loggers):
            rows = [row for name in orbits for row in self._review(name, orbits[name], trainer)]
            with TemporaryDirectory() as scratch:
                films = {name: Path(scratch) / f"{i}.gif" for i, name in enumerate(orbits)}
                for name, film in films.items():
                    save_gif(orbits[name].frames, film)
                log_views(run, stem.with_suffix(".png"), films, rows, trainer.global_step)

    def _review(self, name: str, orbit: Orbit, trainer: lightning.Trainer) -> list[ReviewRow]:
        found = self.read(orbit.frames)
        reading = None if found is None else Reading(found.pose, found.azimuth, found.confidence)
        return review_rows(name, orbit, reading, self.config, trainer.global_step)
