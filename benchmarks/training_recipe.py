"""diffusers' recipe: examples/unconditional_image_generation/train_unconditional.py."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import DDPMScheduler, UNet2DModel
from diffusers.optimization import get_scheduler
from diffusers.training_utils import EMAModel
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from mirage.config import ModelConfig
from mirage.model.unet import build_unet

WARMUP = 10  # steps, for all: the losses must fall within a few rounds


class Folder(Dataset[Tensor]):
    """The recipe's photos."""

    def __init__(self, folder: Path, resolution: int) -> None:
        self.paths = sorted(folder.iterdir())
        self.transform = transforms.Compose(
            [
                transforms.Resize(resolution, transforms.InterpolationMode.BILINEAR),
                transforms.CenterCrop(resolution),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize([0.5], [0.5]),
            ]
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        return self.transform(Image.open(self.paths[index]).convert("RGB"))


class Recipe:
    """A round is an epoch of train_unconditional.py, in a `--mixed_precision`: no or bf16."""

    def __init__(self, folder: Path, args: argparse.Namespace, mixed_precision: str) -> None:
        self.args, self.bf16 = args, mixed_precision == "bf16"
        torch.manual_seed(0)
        # The one thing changed: it is told of no poses. That embedding has no weights.
        config = build_unet(ModelConfig(), args.resolution).config
        self.unet = UNet2DModel.from_config(config, class_embed_type=None).to(args.device)
        self.unet.train()
        self.loader = DataLoader(
            Folder(folder, args.resolution),
            batch_size=args.batch_size,
            shuffle=True,
            num_workers=args.workers,
            drop_last=True,
        )
        self.noise_scheduler = DDPMScheduler(num_train_timesteps=1000)
        self.optimizer = torch.optim.AdamW(
            self.unet.parameters(), lr=1e-4, betas=(0.95, 0.999), weight_decay=1e-6, eps=1e-8
        )
        self.schedule = get_scheduler(
            "cosine",
            optimizer=self.optimizer,
            num_warmup_steps=WARMUP,
            num_training_steps=len(self.loader) * (args.rounds + 1),
        )
        self.ema = EMAModel(
            self.unet.parameters(),
            decay=0.9999,
            use_ema_warmup=True,
            inv_gamma=1.0,
            power=3 / 4,
            model_cls=UNet2DModel,
            model_config=self.unet.config,
        )

    def train(self) -> float:
        """Mean loss of one epoch."""
        device, total = self.args.device, 0.0
        for batch in self.loader:
            clean = batch.to(device)
            noise = torch.randn_like(clean)
            timesteps = torch.randint(0, 1000, (len(clean),), device=device)
            noisy = self.noise_scheduler.add_noise(clean, noise, timesteps)
            with torch.autocast(device, torch.bfloat16, enabled=self.bf16):
                predicted = self.unet(noisy, timesteps).sample
            loss = F.mse_loss(predicted.float(), noise)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.unet.parameters(), 1.0)
            self.optimizer.step()
            self.schedule.step()
            self.optimizer.zero_grad()
            self.ema.step(self.unet.parameters())
            total += loss.detach().item()
        return total / len(self.loader)
