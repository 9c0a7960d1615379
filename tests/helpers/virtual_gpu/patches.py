"""What of torch is replaced while there is a virtual GPU."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import torch
from torch import Generator, nn

from .backward import run_backward
from .calls import CallsMode
from .counts import VirtualGPU
from .cuda import patch_cuda
from .rules import Rules, RulesMode
from .tensors import DEVICE, VirtualTensor


@contextmanager
def virtual_gpu(memory_gib: float = 16.0, bf16: bool = True) -> Iterator[VirtualGPU]:
    """This process has one GPU, which is virtual, for as long as the context lasts.

    Args:
        memory_gib: what it says that it has; none of it is ever taken.
        bf16: whether it knows the type.
    """
    gpu = VirtualGPU(int(memory_gib * 2**30))
    rules = Rules(gpu.report, gpu.is_pinned)
    torch._C._ensureCUDADeviceGuardSet()  # as torch's own fake tensors do
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        stack.callback(torch.set_float32_matmul_precision, torch.get_float32_matmul_precision())
        patch_cuda(patch, gpu, rules, bf16)
        _patch_torch(patch, gpu, rules)
        patch.setattr(VirtualTensor, "rules", rules)
        stack.enter_context(CallsMode(gpu))
        stack.enter_context(RulesMode(rules))
        yield gpu


class VirtualGenerator(Generator):
    """Of any device; the numbers are the CPU's."""

    def __new__(cls, device: Any = "cpu") -> VirtualGenerator:
        return super().__new__(cls, "cpu")

    def __init__(self, device: Any = "cpu") -> None:
        self._device = DEVICE if torch.device(device).type == "cuda" else torch.device(device)

    @property
    def device(self) -> torch.device:
        return self._device


def _patch_torch(patch: pytest.MonkeyPatch, gpu: VirtualGPU, rules: Rules) -> None:
    patch.setattr(torch.backends.cudnn, "enabled", False)  # its operations have no CPU form
    patch.setattr(torch.backends.cudnn, "benchmark", torch.backends.cudnn.benchmark)
    _patch_generator(patch)
    for name in ("torch.optim.optimizer", "torch.utils._foreach_utils"):
        module = sys.modules[name]
        supported = [*module._foreach_supported_types, VirtualTensor]
        patch.setattr(module, "_foreach_supported_types", supported)
    engine = torch.autograd.graph._engine_run_backward

    def backward(outputs: Any, *args: Any, **kwargs: Any) -> Any:
        here = any(isinstance(x, VirtualTensor) for x in outputs)
        return (run_backward if here else engine)(outputs, *args, **kwargs)

    patch.setattr(torch.autograd, "_engine_run_backward", backward)
    patch.setattr(torch.autograd.graph, "_engine_run_backward", backward)

    def compile_module(module: nn.Module, *_: Any, **__: Any) -> None:
        gpu.compiled.append(module)

    def compiled(model: Any = None, **__: Any) -> Any:
        if model is None:
            return compiled
        gpu.compiled.append(model)
        return model

    patch.setattr(nn.Module, "compile", compile_module)
    patch.setattr(torch, "compile", compiled)
    run = threading.Thread.run

    def run_here(thread: threading.Thread) -> None:
        with CallsMode(gpu), RulesMode(rules):  # modes are a thread's own
            run(thread)

    patch.setattr(threading.Thread, "run", run_here)


def _patch_generator(patch: pytest.MonkeyPatch) -> None:
    """Wherever it was imported to."""
    for module in list(sys.modules.values()):
        name = getattr(module, "__name__", "")
        if name.split(".")[0] in ("torch", "mirage", "callbacks", "datamodules"):
            for attribute, value in list(vars(module).items()):
                if value is Generator and not name.startswith("torch."):
                    patch.setattr(module, attribute, VirtualGenerator)
