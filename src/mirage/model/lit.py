"""The LightningModule: training and validation steps and the optimizer, nothing else."""

from __future__ import annotations

import math
from typing import Any

import lightning
import torch
from torch import Generator, Tensor

from mirage.config import TrainConfig
from mirage.contracts import PoseCondition
from mirage.model.denoiser import PoseDenoiser
from mirage.model.loss import denoising_loss, draw_sigma, drop_labels

_VALIDATION_SEED = 7_777_777  # validation noise is the same at every check, so losses compare


def warmup_cosine(step: int, warmup: int, total: int, final: float) -> float:
    """Fraction of the peak learning rate at `step`: linear warm-up, then a cosine to `final`."""
    if step < warmup:
        return (step + 1) / warmup
    progress = min(1.0, (step - warmup) / max(1, total - warmup))
    return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * progress))


class PoseDiffusion(lightning.LightningModule):
    """Trains a PoseDenoiser on batches of posed images.

    A batch is a dict: image [B, h, w, C] as the codec keeps it, pose [B] int64, azimuth [B]
    degrees, confidence [B] in [0, 1]. All randomness of a step comes from (seed, step, rank), so a
    resumed run draws what the uninterrupted one would have drawn.
    """

    def __init__(self, denoiser: PoseDenoiser, config: TrainConfig) -> None:
        super().__init__()
        self.denoiser, self.config = denoiser, config

    def _generator(self, seed: int, step: int) -> Generator:
        mixed = (seed * 1_000_003 + step) * 1_009 + self.global_rank
        return Generator(self.device).manual_seed(mixed)

    def _loss(self, batch: dict[str, Tensor], generator: Generator, drop: bool) -> Tensor:
        config = self.config
        images = self.denoiser.codec.load(batch["image"])
        condition = (
            self._dropped(batch, generator)
            if drop
            else PoseCondition(batch["pose"], batch["azimuth"])
        )
        sigma = draw_sigma(len(images), config.p_mean, config.p_std, generator)
        noise = torch.randn(images.shape, generator=generator, device=self.device)
        # Held-out losses compare, whatever was trained on.
        weight = config.weight if drop else "edm"
        return denoising_loss(self.denoiser, images, condition, sigma, noise, weight).mean()

    def _dropped(self, batch: dict[str, Tensor], generator: Generator) -> PoseCondition:
        """The batch's poses, some of them null."""
        condition = PoseCondition(batch["pose"], batch["azimuth"])
        unsure = self.config.null_unsure
        return drop_labels(
            condition, batch["confidence"], self.config.null_probability, unsure, generator
        )

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        loss = self._loss(batch, self._generator(self.config.seed, self.global_step), drop=True)
        self.log("train/loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        loss = self._loss(batch, self._generator(_VALIDATION_SEED, batch_idx), drop=False)
        self.log("val/loss", loss, prog_bar=True, sync_dist=True, batch_size=len(batch["pose"]))

    def configure_optimizers(self) -> Any:
        config = self.config
        optimizer = torch.optim.AdamW(
            self.denoiser.parameters(),
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            betas=(0.9, 0.99),
            fused=True,
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer,
            lambda step: warmup_cosine(
                step, config.warmup_steps, config.steps, config.final_learning_rate
            ),
        )
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }
