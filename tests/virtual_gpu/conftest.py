"""A virtual GPU for each test of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from training_callbacks.counted_steps import CountSteps
from virtual_gpu import VirtualGPU, virtual_gpu


@pytest.fixture
def gpu() -> Iterator[VirtualGPU]:
    with virtual_gpu() as gpu:
        CountSteps.gpu = gpu
        yield gpu
