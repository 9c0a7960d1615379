"""An autoencoder of photos, small enough to be trained on a CPU: pictures to latents and back.

Latent diffusion needs latents that keep what a person sees and that a network can draw (Rombach et
al. 2022, arXiv 2112.10752). The network is diffusers' AutoencoderDC (Chen et al. 2024, arXiv
2410.10733) without its attention: the first step, pixels to channels, halves the side, so no
convolution runs at the photo's full resolution, which is where a small one would spend its time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import lightning
import torch
from diffusers import AutoencoderDC
from torch import Tensor, nn

from mirage.config import AutoencoderConfig
from mirage.model.codec import PIXELS, encode
from mirage.model.discriminator import Discriminator, hinge_loss
from mirage.model.draws import StepDraws
from mirage.model.lit import warmup_cosine

# Pictures [B, 3, H, W] in [-1, 1] → maps [B, C, h, w] of unit features.
Features = Callable[[Tensor], Sequence[Tensor]]

_SMALL = 1e-4  # weight of the latents' mean square: it only keeps them from growing without end


def build_autoencoder(config: AutoencoderConfig) -> AutoencoderDC:
    """An autoencoder with fresh weights, drawn from torch's global generator."""
    # A first level without layers is how AutoencoderDC is told to begin at half the side.
    channels = (config.channels[0], *config.channels[: config.levels])
    layers = (0, *config.layers[: config.levels])
    no_attention = ((),) * len(channels)
    return AutoencoderDC(
        in_channels=3,
        latent_channels=config.latent_channels,
        encoder_block_types="ResBlock",
        decoder_block_types="ResBlock",
        encoder_block_out_channels=channels,
        decoder_block_out_channels=channels,
        encoder_layers_per_block=layers,
        decoder_layers_per_block=layers,
        encoder_qkv_multiscales=no_attention,
        decoder_qkv_multiscales=no_attention,
        downsample_block_type="pixel_unshuffle",
        upsample_block_type="pixel_shuffle",
        scaling_factor=1.0,
    )


def gradient_error(first: Tensor, second: Tensor) -> Tensor:
    """[B] mean |∇first − ∇second| of pictures [B, C, H, W], along rows and along columns.

    An error at an edge counts in it as much as the edge is steep, and a shift of colour not at all.
    """
    error = first - second
    down = (error[..., 1:, :] - error[..., :-1, :]).abs().mean(dim=(1, 2, 3))
    across = (error[..., :, 1:] - error[..., :, :-1]).abs().mean(dim=(1, 2, 3))
    return down + across


def reconstruction_loss(decoded: Tensor, pictures: Tensor, edges: float) -> Tensor:
    """[B] mean |e| + 2 mean e² + `edges` · `gradient_error` of pictures [B, C, H, W] in [-1, 1].

    The first is sharp where it is unsure, the second is what PSNR measures.
    """
    error = decoded - pictures
    pixels = error.abs() + 2 * error.square()
    return pixels.mean(dim=(1, 2, 3)) + edges * gradient_error(decoded, pictures)


def perceptual_error(decoded: Sequence[Tensor], pictures: Sequence[Tensor]) -> Tensor:
    """[B] squared distance in [0, 4] of feature maps [B, C, h, w], mean over places and over maps.

    LPIPS (Zhang et al. 2018, arXiv 1801.03924, equation 1) without its learned weights.
    """
    pairs = zip(decoded, pictures, strict=True)
    return torch.stack([(a - b).square().sum(dim=1).mean(dim=(1, 2)) for a, b in pairs]).mean(dim=0)


def freeze_encoder(autoencoder: nn.Module) -> None:
    """Let only what decodes be trained, so that latents stay what they are."""
    for name, parameter in autoencoder.named_parameters():
        parameter.requires_grad_(not name.startswith(("encoder.", "quant_conv.")))


class AutoencoderTraining(lightning.LightningModule):
    """Trains an autoencoder on batches of crops, [B, H, W, 3] uint8.

    Noise is added to the latents, in proportion to their own deviation, so that what is near in
    latents looks alike: a diffusion model's samples are never exact. All randomness of a step comes
    from (seed, step) and the place of a row in the batch of all processes.

    Args:
        features: what pictures look like, by which they are compared, too, and decoded ones are
            told from photos, as far as these have a weight.
    """

    def __init__(
        self, autoencoder: nn.Module, config: AutoencoderConfig, features: Features | None = None
    ) -> None:
        super().__init__()
        self.autoencoder: Any = autoencoder.train()
        self.config, self.features = config, features
        self.discriminator: Discriminator | None = None
        if features is not None and config.adversarial:
            side = config.crop
            self.discriminator = Discriminator(
                [features_.shape[1] for features_ in features(torch.zeros(1, 3, side, side))]
            )

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        losses = self.losses(batch)
        for name, loss in losses.items():  # mirage.callbacks.history tells the loggers
            self.log(f"train/{name}", loss, logger=False)
        return torch.stack([*losses.values()]).sum()

    def losses(self, batch: Tensor) -> dict[str, Tensor]:
        """A step's losses, means over the batch, whose sum is trained on."""
        config, rows = self.config, len(batch)
        pictures = PIXELS.load(batch)
        latents = self._encode(pictures)
        draws = StepDraws(
            (config.seed, self.global_step), self.global_rank * rows, rows, self.device
        )
        deviation = latents.detach().std(dim=(0, 2, 3), correction=0, keepdim=True)
        noisy = latents + config.noise * deviation * draws.normal(*latents.shape[1:])
        decoded = self.autoencoder.decode(noisy).sample.float()
        maps, wanted = self._features(decoded, pictures)
        errors = self._errors(decoded, pictures, maps, wanted)
        losses = {"loss": errors.mean() + _SMALL * latents.square().mean()}
        if self.discriminator is not None:
            weight = config.adversarial
            losses["discriminator_loss"] = hinge_loss(self.discriminator, maps, wanted, weight)
        return losses

    def _encode(self, pictures: Tensor) -> Tensor:
        if self.config.start is not None:
            return encode(self.autoencoder, pictures)
        latents: Tensor = self.autoencoder.encode(pictures).latent.float()
        return latents

    def _features(
        self, decoded: Tensor, pictures: Tensor
    ) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
        """The feature maps of both; gradients pass to `decoded` alone."""
        if self.features is None:
            return [], []
        with torch.no_grad():
            wanted = self.features(pictures)
        return self.features(decoded), wanted

    def _errors(
        self, decoded: Tensor, pictures: Tensor, maps: Sequence[Tensor], wanted: Sequence[Tensor]
    ) -> Tensor:
        """[B] of each picture, beside the photo that it should be."""
        errors = reconstruction_loss(decoded, pictures, self.config.edges)
        return errors + self.config.perceptual * perceptual_error(maps, wanted) if maps else errors

    def on_validation_epoch_start(self) -> None:
        self._held_out = torch.zeros(2, device=self.device)

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        pictures = PIXELS.load(batch)
        decoded = self.autoencoder.decode(self._encode(pictures)).sample.float()
        losses = self._errors(decoded, pictures, *self._features(decoded, pictures))
        self._held_out += torch.stack([losses.sum(), losses.new_tensor(len(losses))])

    def on_validation_epoch_end(self) -> None:
        everyones: Any = self.all_gather(self._held_out)
        total, number = everyones.reshape(-1, 2).sum(dim=0)
        self.log("val/loss", total / number)

    def configure_optimizers(self) -> Any:
        config = self.config
        optimizer = torch.optim.AdamW(
            [p for p in self.parameters() if p.requires_grad],
            config.learning_rate,
            betas=(0.9, 0.99),
            weight_decay=config.weight_decay,
            foreach=True,
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer,
            lambda step: warmup_cosine(
                step,
                min(config.warmup_steps, config.steps),
                config.steps,
                config.final_learning_rate,
            ),
        )
        named = {"scheduler": schedule, "interval": "step", "name": "train/learning_rate"}
        return {"optimizer": optimizer, "lr_scheduler": named}


def loss_of_noise(training: AutoencoderTraining, rows: int) -> Tensor:
    """A loss of as many pictures as a batch of training has, to be timed."""
    side, generator = training.config.crop, torch.Generator().manual_seed(0)
    noise = torch.randint(256, (rows, side, side, 3), dtype=torch.uint8, generator=generator)
    return torch.stack([*training.losses(noise).values()]).sum()
