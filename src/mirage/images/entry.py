"""What every source of photos does: list them, and read any of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from mirage.images.decode import Box


@dataclass(frozen=True)
class Entry:
    """One photo of a source.

    Attributes:
        path: how the source names it.
        object_id: which object it shows, where known; photos of one object stay in one split,
            unless the source decides the split.
        azimuth: true azimuth in degrees, where known; used for evaluation only.
        split: train or heldout, where the source decides it; empty where it does not.
        refused: why it must not be read; empty if it may.
        viewpoint: the named side it was seen from (front, rear-side, …), empty where unknown; used
            for evaluation only.
        box: the part of the picture that is the photo; None for all of it.
        offset: where its bytes begin in a file that holds others too; None where it is not read
            by position. num_bytes: how many they are; known where the offset is.
    """

    path: str
    object_id: str = ""
    azimuth: float | None = None
    split: str = ""
    refused: str = ""
    viewpoint: str = ""
    box: Box | None = None
    offset: int | None = None
    num_bytes: int | None = None


class Source(Protocol):
    """Lists photos in a fixed order and reads any of them; safe to read from several threads."""

    def parts(self) -> list[str]:
        """What can be listed apart, by other processes; in order, they hold every photo once."""
        return [""]

    def entries(self, part: str = "") -> Iterator[Entry]: ...

    def read(self, entry: Entry) -> bytes:
        """Raises OSError when the photo is no longer there."""
        ...
