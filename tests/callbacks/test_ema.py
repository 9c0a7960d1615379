"""The averaged weights follow the warmed-up recursion, on the device that trains."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import lightning
import pytest
import torch
from lightning.pytorch.callbacks import Callback
from tiny.autoencoders import tiny_kl
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader

from mirage.callbacks.ema import WarmupEMA
from mirage.config import TrainConfig
from mirage.model.codec import Latents
from mirage.model.denoiser import PoseDenoiser
from mirage.model.lit import PoseDiffusion


class Counter(lightning.LightningModule):
    """Its one weight is 1, 2, 3, … after each step."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        return -self.weight.sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=1.0)


def averaged_after(num_steps: int, decay: float) -> float:
    module, ema = Counter(), WarmupEMA(decay)
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_steps=num_steps,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        callbacks=[ema],
    )
    trainer.fit(module, DataLoader([0] * num_steps))  # type: ignore[arg-type]
    return module.weight.item()  # Lightning leaves the average in the module at the end


@pytest.mark.parametrize("decay", [0.2, 0.999])
@pytest.mark.parametrize("num_steps", [1, 5, 30])
def test_the_average_is_the_warmed_up_recursion(num_steps: int, decay: float) -> None:
    average = 1.0  # the first update copies
    for n, weight in enumerate(range(2, num_steps + 1), start=1):
        rate = min(decay, (1 + n) / (10 + n))
        average = rate * average + (1 - rate) * weight
    assert averaged_after(num_steps, decay) == pytest.approx(average, rel=1e-4)


def test_a_short_training_is_not_left_behind() -> None:
    """Thirty steps at decay 0.999: without a warm-up the average would still be near 1."""
    assert averaged_after(30, 0.999) > 20


def test_it_is_a_callback_that_lightning_knows() -> None:
    assert isinstance(WarmupEMA(0.9), Callback)


class Operations(TorchDispatchMode):
    """The names of all that is asked of torch."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.names.append(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


def on_device(device: str, step: int) -> Any:
    """What of a Trainer the callback looks at."""
    return SimpleNamespace(
        strategy=SimpleNamespace(root_device=torch.device(device)), global_step=step
    )


def test_the_average_is_where_the_training_will_run(
    make_denoiser: Callable[..., PoseDenoiser],
) -> None:
    ema, module = WarmupEMA(0.9), PoseDiffusion(make_denoiser(), TrainConfig())
    ema.setup(on_device("meta", 0), module, "fit")
    assert ema._average_model is not None
    assert {weight.device.type for weight in ema._average_model.module.parameters()} == {"meta"}
    assert ema._average_model.n_averaged.device.type == "cpu"  # it is read at every step


def test_an_update_is_one_operation_however_many_weights_there_are() -> None:
    for num_layers in (1, 20):
        module, ema = Counter(), WarmupEMA(0.9)
        module.layers = nn.ModuleList(nn.Linear(2, 2) for _ in range(num_layers))
        ema.setup(on_device("cpu", 0), module, "fit")
        ema.on_train_start(on_device("cpu", 0), module)
        with Operations() as operations:
            ema.on_train_batch_end(on_device("cpu", 1), module, None, None, 0)
        # The others count the updates, on the CPU.
        assert operations.names == ["_local_scalar_dense", "_foreach_lerp_", "add_"]


def test_a_frozen_autoencoder_is_neither_copied_nor_averaged(
    make_denoiser: Callable[..., PoseDenoiser],
) -> None:
    denoiser = make_denoiser()
    denoiser.codec = Latents(tiny_kl(), 2, [0.0] * 4, [1.0] * 4, 0.5)
    ema, module = WarmupEMA(0.9), PoseDiffusion(denoiser, TrainConfig())
    ema.setup(on_device("cpu", 0), module, "fit")
    ema.on_train_start(on_device("cpu", 0), module)
    averaged: Any = ema._average_model
    assert averaged.module.denoiser.codec.autoencoder is denoiser.codec.autoencoder
    assert ema._pairs is not None
    assert len(ema._pairs[0]) == len(list(denoiser.parameters()))
