"""The device of tests that need a GPU; a rehearsal of them does without."""

from __future__ import annotations

import os

import pytest
import torch

REHEARSED = "GPU_CHECK_REHEARSE"  # set: on the CPU, to see that the tests themselves work


@pytest.fixture(scope="session")
def rehearsed() -> bool:
    return bool(os.environ.get(REHEARSED))


@pytest.fixture(scope="session")
def where(rehearsed: bool) -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda")
    if rehearsed:
        return torch.device("cpu")
    pytest.skip(f"no GPU that torch can use; {REHEARSED}=1 rehearses this on the CPU")
