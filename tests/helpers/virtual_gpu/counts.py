"""The GPU itself: what is counted, and what it was asked for beside operations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from .tally import Tally, source_line
from .tensors import VirtualTensor


class VirtualGPU:
    """What is counted, and what the GPU was asked for beside operations.

    Attributes:
        compiled: what was to be compiled; it is left as it is.
        memory: bytes.
    """

    def __init__(self, memory: int) -> None:
        self.memory = memory
        self.compiled: list[Any] = []
        self._tallies: list[Tally] = []
        self._pinned: list[tuple[int, int, Any]] = []

    @contextmanager
    def count(self) -> Iterator[Tally]:
        """What happens within, in all threads."""
        tally = Tally()
        self._tallies.append(tally)
        try:
            yield tally
        finally:
            self._tallies.remove(tally)

    def report(self, kind: str, what: str) -> None:
        """Count it where it happens."""
        if not self._tallies:
            return
        line = source_line()
        for tally in self._tallies:
            if kind == "operation":
                tally.operations[line] += 1
            else:
                (tally.syncs if kind == "sync" else tally.uploads)[f"{line}: {what}"] += 1

    def pin(self, tensor: Tensor) -> Tensor:
        """Say of a CPU tensor's memory that it is pinned."""
        storage = tensor.untyped_storage()  # kept, so that nothing else comes to its place
        self._pinned.append((storage.data_ptr(), storage.nbytes(), storage))
        return tensor

    def is_pinned(self, tensor: Tensor) -> bool:
        if isinstance(tensor, VirtualTensor) or tensor.device.type != "cpu":
            return False
        place = tensor.data_ptr()
        return any(start <= place < start + size for start, size, _ in self._pinned)
