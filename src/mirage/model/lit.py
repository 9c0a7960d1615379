"""The LightningModule: training and validation steps and the optimizer, nothing else."""

from __future__ import annotations

import math
from typing import Any

import lightning
import torch
from torch import Tensor, nn

from mirage.config import TrainConfig
from mirage.core.contracts import PoseCondition
from mirage.distributed.device import device
from mirage.model.cross_frame import AttentionTape, put_on_tape
from mirage.model.denoiser import PoseDenoiser
from mirage.model.draws import StepDraws, seed_of
from mirage.model.loss import denoising_loss, drop_labels, noise_levels

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
    degrees, confidence [B] in [0, 1]. All randomness of a step comes from (seed, step) and the
    place of a row in the batch of all processes: a resumed run, and one on more processes, draw
    what the uninterrupted one of one process would have drawn. Dropout alone differs with the
    number of processes.

    The network is changed for good: its attention reads `tape`, and on a GPU its weights lie
    channels last, as its matrix units want them. (On a CPU that gains nothing: what convolutions
    save, group norms lose.) Where `config.compile` says so it is compiled, for training steps only.
    """

    def __init__(self, denoiser: PoseDenoiser, config: TrainConfig) -> None:
        super().__init__()
        self.denoiser, self.config = denoiser.train(), config  # Lightning leaves modes alone
        self.tape = AttentionTape()
        put_on_tape(denoiser.unet, self.tape)
        if device().type == "cuda":
            denoiser.unet.to(memory_format=torch.channels_last)
        if config.compile:
            denoiser.unet.compile(dynamic=False)
        self._drops_out = any(isinstance(m, nn.Dropout) and m.p > 0 for m in denoiser.modules())

    def _draws(self, seed: int, step: int, rows: int) -> StepDraws:
        """Of this process's `rows` rows of the batch of all."""
        return StepDraws((seed, step), self.global_rank * rows, rows, self.device)

    def _loss(self, batch: dict[str, Tensor], draws: StepDraws, drop: bool) -> Tensor:
        """[B] the loss of each image."""
        config = self.config
        images = self.denoiser.codec.load(batch["image"])
        condition = (
            self._dropped(batch, draws) if drop else PoseCondition(batch["pose"], batch["azimuth"])
        )
        sigma = noise_levels(draws.normal(), config.p_mean, config.p_std)
        noise = draws.normal(*images.shape[1:])
        # Held-out losses compare, whatever was trained on.
        weight = config.weight if drop else "edm"
        return denoising_loss(self.denoiser, images, condition, sigma, noise, weight)

    def _dropped(self, batch: dict[str, Tensor], draws: StepDraws) -> PoseCondition:
        """The batch's poses, some of them null."""
        condition = PoseCondition(batch["pose"], batch["azimuth"])
        unsure = self.config.null_unsure
        return drop_labels(
            condition, batch["confidence"], self.config.null_probability, unsure, draws.uniform()
        )

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        draws = self._begin_step(len(batch["pose"]))
        loss = self._loss(batch, draws, drop=True).mean()
        self.log("train/loss", loss, logger=False)  # mirage.callbacks.history tells the loggers
        return loss

    def _begin_step(self, rows: int) -> StepDraws:
        """The random numbers of a training step, and the seed of its dropout."""
        if self._drops_out:  # it draws from torch's global generator, of each process its own
            torch.manual_seed(seed_of(self.config.seed, self.global_step, self.global_rank))
        return self._draws(self.config.seed, self.global_step, rows)

    def on_validation_start(self) -> None:
        # Batches of other sizes, and orbits, would each compile anew.
        if self.config.compile:
            torch.compiler.set_stance("force_eager")

    def on_validation_end(self) -> None:
        if self.config.compile:
            torch.compiler.set_stance("default")

    def on_validation_epoch_start(self) -> None:
        self._held_out = torch.zeros(2, device=self.device)

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        draws = self._draws(_VALIDATION_SEED, batch_idx, len(batch["pose"]))
        losses = self._loss(batch, draws, drop=False)
        counts = batch["counts"].to(losses)
        self._held_out += torch.stack([(losses * counts).sum(), counts.sum()])

    def on_validation_epoch_end(self) -> None:
        # Summed here: Lightning's mean over processes weighs each alike, whatever it had.
        everyones: Any = self.all_gather(self._held_out)
        total, number = everyones.reshape(-1, 2).sum(dim=0)
        self.log("val/loss", total / number)

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip by norm, without reading it back.

        Lightning's plug-in for mixed precision refuses to clip for a fused optimizer, since one
        would undo the scaling of float16's gradients by itself; in bf16 nothing is scaled.
        """
        if gradient_clip_val:
            torch.nn.utils.clip_grad_norm_(self.parameters(), gradient_clip_val)

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
        named = {"scheduler": schedule, "interval": "step", "name": "train/learning_rate"}
        return {"optimizer": optimizer, "lr_scheduler": named}
