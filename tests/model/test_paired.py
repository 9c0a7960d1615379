"""Training on pairs teaches what the photo should be beside its view, and nothing of the view."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from mirage.config import TrainConfig
from mirage.model.denoiser import PoseDenoiser
from mirage.model.paired import PairedDiffusion


def posed(seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        "image": torch.randint(0, 256, (4, 16, 16, 3), generator=generator, dtype=torch.uint8),
        "pose": torch.arange(4),
        "azimuth": torch.arange(4) * 90.0,
        "confidence": torch.ones(4),
    }


@pytest.fixture
def module(make_denoiser: Callable[..., PoseDenoiser]) -> PairedDiffusion:
    module = PairedDiffusion(make_denoiser(), TrainConfig(null_probability=0.0))
    module.log = lambda *_, **__: None  # type: ignore[method-assign]
    return module


def loss(module: PairedDiffusion, photo: dict[str, Any], view: dict[str, Any]) -> Tensor:
    return module.training_step(posed(0) | {"pair": {"photo": photo, "view": view}}, 0)


def test_the_loss_depends_on_photo_and_view_row_by_row(module: PairedDiffusion) -> None:
    base = loss(module, posed(1), posed(2))
    assert torch.equal(base, loss(module, posed(1), posed(2)))
    assert base != loss(module, posed(1), posed(3))
    assert base != loss(module, posed(3), posed(2))
    swapped = {name: value.flip(0) for name, value in posed(2).items()}
    assert base != loss(module, posed(1), swapped)


def test_the_gradient_reaches_the_keys_and_values_of_the_view(module: PairedDiffusion) -> None:
    """Along the view's own pass: its embedding is used by nothing else in this batch."""
    view = posed(2) | {"pose": torch.full((4,), 3)}
    photo = posed(1) | {"pose": torch.zeros(4, dtype=torch.long)}
    batch = posed(0) | {"pose": torch.zeros(4, dtype=torch.long)}
    module.training_step(batch | {"pair": {"photo": photo, "view": view}}, 0).backward()
    gradient = module.denoiser.embedding.pose.weight.grad
    assert gradient is not None and gradient[3].abs().max() > 0
    assert gradient[1].abs().max() == 0


def test_the_network_is_left_with_its_own_attention(module: PairedDiffusion) -> None:
    processors = [m.processor for m in module.denoiser.unet.modules() if hasattr(m, "processor")]
    loss(module, posed(1), posed(2))
    after = [m.processor for m in module.denoiser.unet.modules() if hasattr(m, "processor")]
    assert processors == after
