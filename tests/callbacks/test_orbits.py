"""Orbits during validation: pictures of the averaged weights, at every check."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import Callback
from PIL import Image
from views_settings import views_config

from mirage.callbacks import orbits
from mirage.callbacks.ema import WarmupEMA
from mirage.callbacks.orbits import OrbitViews
from mirage.config import TrainConfig
from mirage.core.contracts import Orbit, PosedPhoto, PoseRing
from mirage.datamodules.posed import PosedImages
from mirage.model.denoiser import PoseDenoiser
from mirage.model.lit import PoseDiffusion
from mirage.sampler.orbit import sample_orbits

MakeDenoiser = Callable[..., PoseDenoiser]
MakeData = Callable[[int], PosedImages]
STEPS, DECAY = 4, 0.9


class Averages(Callback):
    """Averages the raw weights after each step on its own, to compare with."""

    def __init__(self) -> None:
        self.raw: list[torch.Tensor] = []

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        self.raw.append(pl_module.denoiser.unet.conv_in.weight.detach().clone())

    def average(self) -> torch.Tensor:
        average = self.raw[0]
        for n, weight in enumerate(self.raw[1:], start=1):
            average = average.lerp(weight, 1 - min(DECAY, (1 + n) / (10 + n)))
        return average


def test_orbits_show_the_averaged_weights(
    tmp_path: Path,
    make_denoiser: MakeDenoiser,
    make_data: MakeData,
    ring: PoseRing,
    photo: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    live: list[torch.Tensor] = []

    def sample(denoiser: PoseDenoiser, *arguments: Any) -> list[Orbit]:
        assert not denoiser.training
        live.append(denoiser.unet.conv_in.weight.detach().clone())
        return sample_orbits(denoiser, *arguments)

    monkeypatch.setattr(orbits, "sample_orbits", sample)
    averages = Averages()
    references = {"a": PosedPhoto(photo, 1, 90.0), "b": PosedPhoto(255 - photo, 3, 270.0)}
    views = OrbitViews(
        references, ring, views_config(count=3, steps=2, mode="soft"), tmp_path / "o"
    )
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_steps=STEPS,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        use_distributed_sampler=False,
        num_sanity_val_steps=1,
        val_check_interval=2,
        check_val_every_n_epoch=None,
        callbacks=[averages, views, WarmupEMA(DECAY)],
    )
    module = PoseDiffusion(
        make_denoiser(), TrainConfig(steps=STEPS, learning_rate=1e-2, warmup_steps=0)
    )
    trainer.fit(module, make_data(STEPS))

    assert sorted(path.name for path in (tmp_path / "o").iterdir()) == [
        "step_0000002.gif",
        "step_0000002.png",
        "step_0000004.gif",
        "step_0000004.png",
    ]
    assert len(live) == 2  # both references at once at each check; not in the sanity check
    assert torch.allclose(live[-1], averages.average(), atol=1e-6)
    assert not torch.allclose(live[-1], averages.raw[-1], atol=1e-4)
    assert not torch.equal(live[0], live[1])
    with Image.open(tmp_path / "o" / "step_0000004.gif") as film:
        assert film.n_frames == 3
        assert film.width == pytest.approx(2 * film.height, rel=0.1)  # two references side by side
    with Image.open(tmp_path / "o" / "step_0000004.png") as sheet:
        assert np.asarray(sheet.convert("L")).std() > 5
