"""torch.cuda of the virtual GPU: streams, events, properties, random states."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Generator, Tensor

from .counts import VirtualGPU
from .rules import Rules
from .tensors import DEVICE


class _Stream:
    """Work on it is done at once."""

    def __init__(self, gpu: VirtualGPU) -> None:
        self.device, self._gpu = DEVICE, gpu

    def synchronize(self) -> None:
        self._gpu.report("sync", "synchronize a stream")

    def query(self) -> bool:
        return True

    def record_event(self, event: Any = None) -> Any:
        return event if event is not None else _Event(self._gpu)

    def wait_stream(self, _: Any) -> None:
        pass

    wait_event = wait_stream

    def __enter__(self) -> _Stream:
        return self

    def __exit__(self, *_: Any) -> None:
        pass


class _Event:
    def __init__(self, gpu: VirtualGPU) -> None:
        self._gpu, self._at = gpu, time.perf_counter()

    def record(self, _: Any = None) -> None:
        self._at = time.perf_counter()

    def synchronize(self) -> None:
        self._gpu.report("sync", "synchronize with an event")

    def query(self) -> bool:
        return True

    def wait(self, _: Any = None) -> None:
        pass

    def elapsed_time(self, other: _Event) -> float:
        return (other._at - self._at) * 1000.0


def patch_cuda(patch: pytest.MonkeyPatch, gpu: VirtualGPU, rules: Rules, bf16: bool) -> None:
    stream = _Stream(gpu)

    def seed(number: int) -> None:
        rules.random_state = Generator().manual_seed(number).get_state()

    def set_state(state: Tensor, *_: Any) -> None:
        rules.random_state = state

    properties = SimpleNamespace(
        name="Virtual GPU", total_memory=gpu.memory, major=8, minor=0, multi_processor_count=64
    )
    cuda: dict[str, Any] = {
        "is_available": lambda: True,
        "device_count": lambda: 1,
        "is_initialized": lambda: True,
        "init": lambda: None,
        "_lazy_init": lambda: None,
        "_lazy_call": lambda call, **_: call(),
        "current_device": lambda: 0,
        "set_device": _refuse_other,
        "get_device_name": lambda *_: properties.name,
        "get_device_capability": lambda *_: (8, 0),
        "get_device_properties": lambda *_: properties,
        "is_bf16_supported": lambda *_, **__: bf16,
        "mem_get_info": lambda *_: (gpu.memory, gpu.memory),
        "memory_allocated": lambda *_: 0,
        "max_memory_allocated": lambda *_: 0,
        "memory_reserved": lambda *_: 0,
        "max_memory_reserved": lambda *_: 0,
        "memory_stats": lambda *_: {},
        "reset_peak_memory_stats": lambda *_: None,
        "empty_cache": lambda: None,
        "synchronize": lambda *_: gpu.report("sync", "synchronize"),
        "manual_seed": seed,
        "manual_seed_all": seed,
        "get_rng_state": lambda *_: rules.random_state,
        "get_rng_state_all": lambda: [rules.random_state],
        "set_rng_state": set_state,
        "set_rng_state_all": lambda states: [set_state(state) for state in states],
        "Stream": lambda *_, **__: _Stream(gpu),
        "Event": lambda *_, **__: _Event(gpu),
        "stream": lambda chosen: chosen or stream,
        "current_stream": lambda *_: stream,
        "default_stream": lambda *_: stream,
    }
    for name, value in cuda.items():
        patch.setattr(torch.cuda, name, value)
    accelerator: dict[str, Any] = {
        "is_available": lambda: True,
        "device_count": lambda: 1,
        "current_accelerator": lambda *_, **__: torch.device("cuda"),
        "current_device_index": lambda: 0,
        "set_device_index": lambda *_: None,
        "synchronize": cuda["synchronize"],
    }
    for name, value in accelerator.items():
        patch.setattr(torch.accelerator, name, value)


def _refuse_other(device: Any) -> None:
    index = device if isinstance(device, int) else torch.device(device).index
    if index not in (None, 0):
        raise RuntimeError("CUDA error: invalid device ordinal")
