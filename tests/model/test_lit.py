"""Training: the learning rate's course, and a resumed run that equals the uninterrupted one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from views_settings import views_config

from mirage.callbacks.ema import WarmupEMA
from mirage.callbacks.orbits import OrbitViews
from mirage.config import ModelConfig, TrainConfig
from mirage.core.contracts import PosedPhoto, PoseLabels, PoseRing
from mirage.datamodules.labelled import LabelledImages
from mirage.datamodules.pairs import BackTranslated, PairedImages
from mirage.datamodules.posed import PosedImages
from mirage.model.denoiser import PoseDenoiser
from mirage.model.lit import PoseDiffusion, warmup_cosine
from mirage.model.paired import PairedDiffusion

MakeDenoiser = Callable[..., PoseDenoiser]
STEPS = 6
CONFIG = TrainConfig(steps=STEPS, learning_rate=1e-3, warmup_steps=2, ema_decay=0.9)


class Seen(Callback):
    """Keeps a fingerprint of every batch trained on, by step, and the last raw weights."""

    def __init__(self) -> None:
        self.batches: list[tuple[int, int]] = []
        self.raw: dict[str, torch.Tensor] = {}

    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        self.batches.append((trainer.global_step, int(batch["image"].sum())))

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        self.raw = {k: v.detach().clone() for k, v in pl_module.state_dict().items()}


def posed_images(ring: PoseRing, num_steps: int = STEPS) -> PosedImages:
    rng = np.random.default_rng(0)
    pose = np.arange(24) % 4
    labels = PoseLabels(
        pose,
        np.full(24, 0.6),
        pose * 90.0,
        np.stack([pose, (pose + 1) % 4], 1),
        np.tile([0.8, 0.2], (24, 1)),
        np.zeros(24, bool),
    )
    pixels = rng.integers(0, 256, (24, 16, 16, 3), dtype=np.uint8)
    images = LabelledImages(pixels, labels)
    return PosedImages(images, ring, np.arange(20), np.arange(20, 24), 4, 0.5, num_steps, 7)


def train(
    folder: Path,
    denoiser: PoseDenoiser,
    ring: PoseRing,
    until: int,
    resume: Path | None = None,
    planned: int = STEPS,
) -> tuple[Path, Seen]:
    """Train to step `until`; returns the checkpoint made there, and what was seen."""
    seen = Seen()
    checkpoint = ModelCheckpoint(folder, filename=f"at_{until}", every_n_train_steps=until)
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_steps=until,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[seen, WarmupEMA(CONFIG.ema_decay), checkpoint],
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        gradient_clip_val=1.0,
        val_check_interval=2,
        check_val_every_n_epoch=None,
        default_root_dir=str(folder),
    )
    data = posed_images(ring, planned)
    trainer.fit(PoseDiffusion(denoiser, CONFIG), data, ckpt_path=resume, weights_only=True)
    assert trainer.global_step == until
    return folder / f"at_{until}.ckpt", seen


@pytest.mark.parametrize("stop", [1, 2, 3, 4])
def test_a_resumed_training_equals_the_uninterrupted_one(
    tmp_path: Path, make_denoiser: MakeDenoiser, ring: PoseRing, stop: int
) -> None:
    whole, seen = train(tmp_path / "whole", make_denoiser(), ring, STEPS)
    part, first = train(tmp_path / "part", make_denoiser(), ring, stop)
    torch.manual_seed(123)  # nothing may hang on the global generator
    rest, second = train(tmp_path / "part", make_denoiser(seed=9), ring, STEPS, resume=part)
    assert first.batches + second.batches == seen.batches
    assert len({fingerprint for _, fingerprint in seen.batches}) == STEPS
    for name, value in seen.raw.items():
        assert torch.allclose(second.raw[name], value, atol=1e-6), name
    averaged, resumed = (
        torch.load(path, weights_only=True)["state_dict"] for path in (whole, rest)
    )
    for name, value in averaged.items():
        assert torch.allclose(resumed[name], value, atol=1e-6), name
    assert any(not torch.allclose(v, seen.raw[k], atol=1e-5) for k, v in averaged.items())


def test_a_resumed_training_drops_out_what_the_uninterrupted_one_does(
    tmp_path: Path, make_denoiser: MakeDenoiser, ring: PoseRing, tiny_model: ModelConfig
) -> None:
    def fresh() -> PoseDenoiser:
        return make_denoiser(config=replace(tiny_model, dropout=0.3))

    _, seen = train(tmp_path / "whole", fresh(), ring, 4)
    part, _ = train(tmp_path / "part", fresh(), ring, 2)
    torch.manual_seed(123)
    _, second = train(tmp_path / "part", fresh(), ring, 4, resume=part)
    for name, value in seen.raw.items():
        assert torch.allclose(second.raw[name], value, atol=1e-6), name


def test_each_process_drops_out_other_values_at_each_step(
    make_denoiser: MakeDenoiser, tiny_model: ModelConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = PoseDiffusion(make_denoiser(config=replace(tiny_model, dropout=0.3)), CONFIG)
    drawn = []
    for rank, step in ((0, 0), (1, 0), (0, 1), (0, 0)):
        monkeypatch.setattr(PoseDiffusion, "global_rank", rank)
        monkeypatch.setattr(PoseDiffusion, "global_step", step)
        module._begin_step(4)
        drawn.append(float(torch.rand(1)))
    assert len(set(drawn[:3])) == 3 and drawn[0] == drawn[3]


def test_without_dropout_the_global_generator_is_left_alone(make_denoiser: MakeDenoiser) -> None:
    module, state = PoseDiffusion(make_denoiser(), CONFIG), torch.get_rng_state()
    module._begin_step(4)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_compiled_network_is_compiled_once_whatever_validation_does(
    make_denoiser: MakeDenoiser,
    make_data: Callable[[int], PosedImages],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Held-out images come in a batch of their own size, and orbits change the attention.

    The second part of training has all that the first has, and attention to other pictures.
    """
    compiled: list[int] = []

    def compile_eagerly(network: torch.nn.Module, **settings: Any) -> None:
        def backend(graph: torch.fx.GraphModule, _: Any) -> Any:
            compiled.append(trainer.global_step)
            return graph.forward

        network._compiled_call_impl = torch.compile(network._call_impl, backend=backend, **settings)

    monkeypatch.setattr(torch.nn.Module, "compile", compile_eagerly)
    config = TrainConfig(steps=4, warmup_steps=1, compile=True)
    data = make_data(4)
    data = PairedImages(
        BackTranslated(data.images, np.arange(12), np.arange(12)),
        data.images,
        data.ring,
        data.train_ids,
        np.arange(3),
        4,
        0.0,
        4,
        0,
    )
    shown = PosedPhoto(data.images.pixels[0], 0, 0.0)
    views = OrbitViews({"a": shown}, data.ring, views_config(count=3, steps=2), tmp_path)
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_steps=4,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        num_sanity_val_steps=0,
        callbacks=[views],
        val_check_interval=2,
        check_val_every_n_epoch=None,
    )
    trainer.fit(PairedDiffusion(make_denoiser(), config), data)
    assert compiled and set(compiled) == {0}
    assert trainer.callback_metrics["val/loss"].isfinite()


def test_a_finished_training_can_be_made_longer(
    tmp_path: Path, make_denoiser: MakeDenoiser, ring: PoseRing
) -> None:
    _, seen = train(tmp_path / "whole", make_denoiser(), ring, STEPS)
    short, first = train(tmp_path / "part", make_denoiser(), ring, 2, planned=2)
    _, second = train(tmp_path / "part", make_denoiser(), ring, STEPS, resume=short)
    assert first.batches + second.batches == seen.batches


def test_a_few_steps_lower_the_loss_on_one_batch(
    make_denoiser: MakeDenoiser, ring: PoseRing
) -> None:
    module = PoseDiffusion(make_denoiser(), CONFIG)
    batch = posed_images(ring).batches()[0]
    optimizer = torch.optim.AdamW(module.parameters(), lr=2e-3)
    losses = []
    for _ in range(15):
        loss = module._loss(batch, module._draws(0, 0, 4), drop=False).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def test_the_noise_of_a_step_depends_on_seed_and_step(make_denoiser: MakeDenoiser) -> None:
    module = PoseDiffusion(make_denoiser(), CONFIG)
    draws = [module._draws(s, t, 3).normal() for s, t in ((0, 0), (0, 1), (1, 0))]
    assert torch.equal(draws[0], module._draws(0, 0, 3).normal())
    assert not torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])


def test_the_learning_rate_warms_up_and_falls_along_a_cosine() -> None:
    rates = [warmup_cosine(step, 10, 110, 0.1) for step in range(130)]
    assert rates[:10] == pytest.approx(np.arange(1, 11) / 10)
    assert rates[10] == pytest.approx(1.0) and rates[60] == pytest.approx(0.55)
    assert rates[110:] == pytest.approx([0.1] * 20)
    assert all(a >= b for a, b in pairwise(rates[9:]))
    assert warmup_cosine(0, 0, 10, 0.1) == 1.0
