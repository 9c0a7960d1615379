"""The device that a process works on."""

from __future__ import annotations

import torch

from mirage.ranks import find_ranks


def device() -> torch.device:
    """The GPU where there is one; processes that work together take one each."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", find_ranks().local_rank % torch.cuda.device_count())
