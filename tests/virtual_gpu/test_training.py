"""Trainings on a GPU, from photos to weights: right devices, and Python does not wait for it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tiny.autoencoders import tiny_kl
from torch import Tensor
from training_callbacks.counted_steps import CountSteps, check_steps, counted
from virtual_gpu import VirtualGPU

from mirage.callbacks.ema import WarmupEMA
from mirage.commands.stages import train as training
from mirage.config.load import load_config
from mirage.model.lit import PoseDiffusion
from mirage.runs.request import Request
from mirage.sampler.export import load_pipeline
from mirage.training import cost

pytestmark = pytest.mark.virtual_gpu
SMALL = ("model.channels=[32,32]", "data.batch_size=4", "train.validate_every=1000")

# Operations of a step of this network, 1176 counted: forward, backward, and what is done to all
# weights at once. Averaging its 145 tensors one by one would go beyond.
A_STEP = 1300


MANY, FEW = 20, 4  # steps counted: many have losses written twice


@pytest.fixture
def train(posed: Path, tmp_path: Path) -> Callable[..., Path]:
    """Train a run that has its poses, and count."""

    def run(*words: str, name: str = "run") -> Path:
        folder = Path(shutil.copytree(posed, tmp_path / name))
        training.run(Request("train", given=load_config([f"run={folder}", *SMALL, *words])))
        return folder

    return run


def test_steps(gpu: VirtualGPU, train: Callable[..., Path]) -> None:
    run = train(*counted(MANY))
    check_steps(A_STEP)
    assert CountSteps.steps.num_syncs <= MANY / 5, f"{CountSteps.steps}"
    assert not load_pipeline(run / "model").denoiser.unet.conv_in.weight.is_cuda


def test_a_step_that_waits_is_found(
    gpu: VirtualGPU, train: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    step = PoseDiffusion.training_step

    def waiting(module: PoseDiffusion, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        loss = step(module, batch, batch_idx)
        assert loss.item() >= 0 and bool(loss.isfinite())
        return loss

    monkeypatch.setattr(PoseDiffusion, "training_step", waiting)
    train(*counted(FEW))
    with pytest.raises(AssertionError, match=r"test_training\.py:\d+: item"):
        check_steps(A_STEP)


@pytest.mark.e2e
def test_averages_that_wait_are_found(
    gpu: VirtualGPU, train: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    update = WarmupEMA.on_train_batch_end

    def waiting(average: WarmupEMA, *args: object) -> None:
        update(average, *args)  # type: ignore[arg-type]
        for weight in list(average._average_model.parameters())[:2]:  # type: ignore[union-attr]
            weight.detach().cpu()

    monkeypatch.setattr(WarmupEMA, "on_train_batch_end", waiting)
    train(*counted(FEW))
    with pytest.raises(AssertionError, match=r"test_training\.py:\d+: copy to the host"):
        check_steps(A_STEP)


def test_steps_on_pairs(gpu: VirtualGPU, train: Callable[..., Path]) -> None:
    callback, steps = counted(2)
    train(callback, "train.steps=1", steps.replace("train", "refine"), "refine.photos=2")
    check_steps(3 * A_STEP)


def test_steps_on_latents(gpu: VirtualGPU, train: Callable[..., Path], tmp_path: Path) -> None:
    tiny_kl().save_pretrained(tmp_path / "autoencoder")
    autoencoder = f"model.autoencoder={tmp_path / 'autoencoder'}"
    train(*counted(FEW), "data.resolution=64", autoencoder)
    check_steps(A_STEP)


def test_a_validation_with_its_orbits(gpu: VirtualGPU, train: Callable[..., Path]) -> None:
    run = train(*counted(FEW), "train.steps=2", "train.validate_every=2")
    assert list((run / "train" / "orbits").glob("*.gif"))
    tally = CountSteps.validation
    assert 0 < tally.num_syncs <= 8, f"{tally}"


def test_a_training_is_that_of_the_cpu(
    gpu: VirtualGPU, train: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In fp32, with the same random numbers: weights, and averages of them.

    Where a gradient is no more than rounding, AdamW steps either way: a few weights differ by that.
    """
    words = ("train.steps=3", "train.precision=fp32", "train.ema_decay=0.5")
    there = load_pipeline(train(*words) / "model").denoiser.state_dict()
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    own = load_pipeline(train(*words, name="own") / "model").denoiser.state_dict()
    for name, weight in own.items():
        apart = (there[name] - weight).abs()
        assert apart.mean() < 2e-6 and apart.max() < 5e-4, name


def test_the_speed_of_a_gpu_is_measured(gpu: VirtualGPU, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cost._PROBE_ROWS, "cuda", 1)
    monkeypatch.setattr(cost, "_PROBE_SECONDS", 0.0)
    with gpu.count() as tally:
        assert cost.measure_speed.__wrapped__(torch.device("cuda", 0), True) > 0
    assert 0 < tally.num_syncs <= 3, f"{tally}"  # one a step, to look at the clock
