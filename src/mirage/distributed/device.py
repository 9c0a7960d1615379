"""The device that a process works on, and what it is good at."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from mirage.distributed.ranks import find_ranks

_SECONDS, _ROUNDS = 1.0, 5  # to time a precision: at most, about


def device() -> torch.device:
    """The GPU where there is one; processes that work together take one each."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", find_ranks().local_rank % torch.cuda.device_count())


def computes_in_bf16(where: torch.device) -> bool:
    """Whether the device has instructions for bf16; torch emulates it on others, slowly."""
    if where.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


@contextmanager
def fast_kernels() -> Iterator[None]:
    """Let a GPU multiply in TF32 what stays fp32, and try out cuDNN's convolutions.

    For work on one shape over and over that bears rounding to ten bits, as training does. On a CPU
    nothing changes.
    """
    cudnn, precision = torch.backends.cudnn, torch.get_float32_matmul_precision()
    tried_out = cudnn.benchmark
    if torch.cuda.is_available():
        torch.set_float32_matmul_precision("high")
        cudnn.benchmark = True
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(precision)
        cudnn.benchmark = tried_out


def time_precisions(work: Callable[[str], object]) -> dict[str, float]:
    """fp32 and bf16 → seconds of `work` in each on a CPU, the best of some, taken in turn.

    They are processor time, of all threads together, in which other processes do not count.
    Measuring ends after about a second.
    """
    best = {"fp32": float("inf"), "bf16": float("inf")}
    began = time.process_time()
    for turn in range(1 + _ROUNDS):
        for precision in best:
            start = time.process_time()
            work(precision)
            if turn:  # the first also chooses kernels
                best[precision] = min(best[precision], time.process_time() - start)
        if turn and time.process_time() - began > _SECONDS:
            break
    return best
