"""What turning a photo costs: seconds, passes of pictures through the network, and memory."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

T = TypeVar("T")

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_RESET_PEAK = "5"  # what resets the peak of the resident memory (Linux, man 5 proc)


@dataclass(frozen=True)
class Cost:
    """Of one object.

    Attributes:
        seconds: by the clock; of objects that were turned together, each one's share.
        forwards: pictures that passed through the network, however they were batched.
        peak_mib: highest memory while it ran, MiB: allocated on the GPU that the network is on; on
            a CPU, resident of the whole process, libraries included. Where the system cannot reset
            that peak (elsewhere than on Linux) it is the peak since the process began.
    """

    seconds: float
    forwards: int
    peak_mib: float


def measure_cost(network: nn.Module, work: Callable[[], T], objects: int = 1) -> tuple[T, Cost]:
    """What `work` returns, and what it cost each of the objects that it is of.

    The network's first argument has a row a picture.
    """
    device = next(network.parameters()).device
    passed: list[int] = []

    def count(_: nn.Module, args: tuple[Any, ...]) -> None:
        passed.append(len(args[0]))

    hook = network.register_forward_pre_hook(count)
    _reset_peak(device)
    start = time.perf_counter()
    try:
        result = work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
    finally:
        hook.remove()
    seconds = time.perf_counter() - start
    return result, Cost(seconds / objects, sum(passed) // objects, _peak_mib(device))


def _reset_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif _RESET.exists():
        try:
            _RESET.write_text(_RESET_PEAK)
        except OSError:  # not allowed in every container
            return


def _peak_mib(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    if _STATUS.exists():
        peaks = [line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM")]
        if peaks:
            return float(peaks[0].split()[1]) / 2**10
    unit = 1 if sys.platform == "darwin" else 2**10  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
