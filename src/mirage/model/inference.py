"""How networks run where nothing is trained: channels last, and in bf16 where that is faster."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from mirage.distributed.device import computes_in_bf16


def ready(network: Any, where: torch.device) -> Any:
    """A module on a device, its convolutions channels last, as their fast kernels want them."""
    return network.to(where).to(memory_format=torch.channels_last)


def channels_last(x: Tensor) -> Tensor:
    """[B, C, H, W] laid out for such a module."""
    return x.contiguous(memory_format=torch.channels_last)


def in_precision(asked: str, where: torch.device) -> AbstractContextManager[object]:
    """The context that a network runs in: autocast to bf16, or none.

    Args:
        asked: auto | fp32 | bf16; auto is bf16 on a GPU that has it, and fp32 elsewhere. Weights,
            and what is computed outside the network's layers, stay as they are.
    """
    has_it = where.type == "cuda" and computes_in_bf16(where)
    if asked == "bf16" or (asked == "auto" and has_it):
        return torch.autocast(where.type, torch.bfloat16)
    return nullcontext()


def casts_kept(where: torch.device) -> AbstractContextManager[object]:
    """Within, autocast casts weights once, and not again in every `in_precision`.

    It keeps them until the outermost autocast is left: this one, which itself casts nothing.
    """
    return torch.autocast(where.type, enabled=False)
