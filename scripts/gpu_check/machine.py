"""The machine at its best: matrix products, copies, a small network, the peak in bf16."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from findings import Found

from mirage.distributed.device import device
from mirage.training.cost import measure_speed

# Dense bf16 with fp32 sums, TFLOP/s, from the makers' data sheets; others are measured.
PEAKS = {
    "H200": 989,
    "H100 PCIe": 756,
    "H100": 989,
    "A100": 312,
    "L40S": 362,
    "4090": 165,
    "3090": 71,
    "A10G": 70,
    "L4": 121,
}


def has_bf16() -> bool:
    return not torch.cuda.is_available() or torch.cuda.is_bf16_supported(including_emulation=False)


def machine(found: Found) -> None:
    """What it is, and what it does at best."""
    where = device()
    cuda = where.type == "cuda"
    found.add(torch=torch.__version__, python=sys.version.split()[0], device=where.type)
    if cuda:
        card = torch.cuda.get_device_properties(where)
        found.add(
            name=card.name,
            memory_gb=round(card.total_memory / 1e9, 1),
            bf16=has_bf16(),
            multiprocessors=card.multi_processor_count,
            cuda=torch.version.cuda,
        )
    found.attempt(
        "matmul_tflops",
        lambda: {
            str(dtype).removeprefix("torch."): round(matmul_speed(dtype) / 1e12, 3)
            for dtype in (torch.bfloat16, torch.float32)
        },
    )
    found.attempt("copy_gb_s", lambda: round(copy_speed() / 1e9, 1))
    found.attempt(
        "network_tflops", lambda: round(measure_speed(where, cuda and has_bf16()) / 1e12, 3)
    )


def _time(work: Callable[[], Any], seconds: float = 0.5) -> float:
    """Seconds of one call; the first calls are not timed."""
    for _ in range(2):
        work()
    synchronize()
    count, began = 0, time.perf_counter()
    while count < 2 or time.perf_counter() - began < seconds:
        work()
        synchronize()
        count += 1
    return (time.perf_counter() - began) / count


def synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def matmul_speed(dtype: torch.dtype) -> float:
    """Operations a second of a large square matrix product."""
    side = 8192 if torch.cuda.is_available() else 256
    a, b = (torch.randn(side, side, device=device(), dtype=dtype) for _ in range(2))
    return 2 * side**3 / _time(lambda: a @ b)


def copy_speed() -> float:
    """Bytes a second read and written."""
    count = 2**30 if torch.cuda.is_available() else 2**22
    a = torch.zeros(count, device=device(), dtype=torch.uint8)
    b = torch.empty_like(a)
    return 2 * count / _time(lambda: b.copy_(a))


def peak_flops() -> tuple[float, str]:
    """The GPU's peak in bf16 and where it is from."""
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    for known, peak in PEAKS.items():
        if known in name:
            return peak * 1e12, f"data sheet of {known}"
    return matmul_speed(torch.bfloat16), "a matrix product, measured"
