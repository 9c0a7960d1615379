"""Pictures in main memory or on the GPU, gathered into batches once, and mirrored on the device."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mirage.core.contracts import IntArray, KeptArray
from mirage.datamodules.labelled import Batch, LabelledImages, Labels

_COPIED_AT_ONCE = 1024  # pictures on their way to the GPU
_TURNED_AT_ONCE = 32  # pictures that a CPU turns round: they and the result stay in its cache


@dataclass(frozen=True)
class Fetched:
    """The host's part of a batch, in page-locked memory where a GPU is to take it.

    Attributes:
        image: [B, h, w, C] the pictures; of a store that is resident, [B] their rows there.
        labels: what else the batch has.
        odd: mirror images are at every second place from this one on, 0 or 1; None: nowhere.
    """

    image: Tensor
    labels: Batch
    odd: int | None


class Store:
    """Where batches of pictures come from.

    Args:
        device: where batches are wanted.
        resident: whether the device keeps a copy of all pictures.
    """

    def __init__(self, images: LabelledImages, device: torch.device, resident: bool) -> None:
        self.device, self._upright = device, _as_tensor(images.pixels)
        self._mirrored = None if images.mirrored is None else _as_tensor(images.mirrored)
        self._copy = self._copy_all() if resident else None

    @property
    def resident(self) -> bool:
        """Whether the device has a copy of all pictures."""
        return self._copy is not None

    def fetch(self, ids: IntArray, labels: Labels, odd: int | None = None) -> Fetched:
        """The host's part of the batch of `ids` [B], which any thread may do."""
        image = self._find(ids, odd) if self.resident else self._gather(ids, odd)
        return Fetched(image, {k: self._pinned(v) for k, v in labels.items()}, odd)

    def finish(self, fetched: Fetched) -> Batch:
        """The batch on the device; nothing waits for it."""
        batch = {
            name: value.to(self.device, non_blocking=True)
            for name, value in (fetched.labels | {"image": fetched.image}).items()
        }
        if self._copy is not None:
            batch["image"] = self._copy.index_select(0, batch["image"])
        if fetched.odd is not None and self._mirrored is None:
            _turn_round(batch["image"][fetched.odd :: 2])
        return batch

    def _find(self, ids: IntArray, odd: int | None) -> Tensor:
        """[B] rows of the copy."""
        rows = np.array(ids, np.int64)
        if odd is not None and self._mirrored is not None:
            rows[odd::2] += len(self._upright)
        return self._pinned(rows)

    def _gather(self, ids: IntArray, odd: int | None) -> Tensor:
        """[B, h, w, C] from main memory."""
        rows, upright = torch.from_numpy(ids), self._upright
        pictures = torch.empty(
            (len(ids), *upright.shape[1:]),
            dtype=upright.dtype,
            pin_memory=self.device.type == "cuda",
        )
        if odd is None or self._mirrored is None:
            return torch.index_select(upright, 0, rows, out=pictures)
        for array, first in ((upright, 1 - odd), (self._mirrored, odd)):
            pictures[first::2] = array.index_select(0, rows[first::2])
        return pictures

    def _pinned(self, values: npt.NDArray[Any]) -> Tensor:
        tensor = torch.from_numpy(values)
        return tensor.pin_memory() if self.device.type == "cuda" else tensor

    def _copy_all(self) -> Tensor:
        """Upright pictures, then mirror images where they are kept."""
        arrays = [array for array in (self._upright, self._mirrored) if array is not None]
        shape = (sum(map(len, arrays)), *self._upright.shape[1:])
        copy = torch.empty(shape, dtype=self._upright.dtype, device=self.device)
        start = 0
        for part in (part for array in arrays for part in array.split(_COPIED_AT_ONCE)):
            copy[start : start + len(part)] = part
            start += len(part)
        return copy


def open_store(images: LabelledImages, device: torch.device, share: float) -> Store:
    """Resident on a GPU where all pictures take at most `share` of what is free of its memory."""
    size = images.pixels.nbytes + (0 if images.mirrored is None else images.mirrored.nbytes)
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 0
    return Store(images, device, 0 < size <= share * free)


def _turn_round(pictures: Tensor) -> None:
    """[B, h, w, C], left and right exchanged in place."""
    at_once = _TURNED_AT_ONCE if pictures.device.type == "cpu" else max(1, len(pictures))
    for part in pictures.split(at_once):
        part.copy_(part.flip(2))


def _as_tensor(array: KeptArray) -> Tensor:
    """The same memory, which is only read from."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(array)
