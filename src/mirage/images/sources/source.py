"""What every source of photos does: list them, and read any of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Protocol

from mirage.core.contracts import HELDOUT, TRAIN
from mirage.core.errors import MirageError
from mirage.images.decoding.decode import Box
from mirage.images.sources.listing import read_number

HEIC_SUFFIXES = frozenset({".heic", ".heif"})
SUFFIXES = HEIC_SUFFIXES | {
    ".png",
    ".apng",
    ".jpg",
    ".jpeg",
    ".jpe",
    ".jfif",
    ".mpo",
    ".webp",
    ".bmp",
    ".dib",
    ".gif",
    ".tif",
    ".tiff",
    ".ppm",
    ".pgm",
    ".pbm",
    ".pnm",
    ".tga",
    ".jp2",
    ".j2k",
    ".jpx",
    ".avif",
    ".pcx",
    ".psd",
    ".sgi",
    ".qoi",
    ".dds",
}
_OTHER_PICTURES = frozenset(
    {
        ".cr2",
        ".cr3",
        ".nef",
        ".arw",
        ".dng",
        ".raf",
        ".orf",
        ".rw2",
        ".pef",
        ".srw",
        ".x3f",
        ".raw",
        ".jxl",
        ".jxr",
        ".exr",
        ".hdr",
        ".pfm",
        ".fits",
        ".svg",
        ".eps",
        ".xcf",
        ".psb",
        ".ico",
    }
)
_OF_SYSTEM = frozenset(
    {
        "@eadir",
        "#recycle",
        "@recycle",
        "$recycle.bin",
        "__macosx",
        "lost+found",
        "system volume information",
    }
)


def is_hidden(name: str) -> bool:
    """Whether a file or folder is the system's: hidden, thumbnails, a recycle bin and the like."""
    return name.startswith(".") or name.lower() in _OF_SYSTEM


def left_out(path: PurePath) -> str | None:
    """Why a file is not looked at, by its path alone: empty if it is; None if it is no picture."""
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        return "hidden, or in a folder of the system" if any(map(is_hidden, path.parts)) else ""
    if suffix in _OTHER_PICTURES and not any(map(is_hidden, path.parts)):
        return f"not read: {suffix} is no kind of photo that is; convert it to JPEG or PNG"
    return None


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


def labelled(path: str, facts: Mapping[str, object], where: str) -> Entry:
    """A photo with what a list says of it: object_id, azimuth (degrees), split and viewpoint.

    Args:
        facts: any of these four by name; None, or empty, where not known. Others are not looked at.
        where: what the list's place is called.

    Raises:
        MirageError: the azimuth is no number, or the split no choice.
    """
    known = {name: str(value).strip() for name, value in facts.items() if value is not None}
    azimuth, split = known.get("azimuth", ""), known.get("split", "")
    try:
        degrees = read_number(azimuth) % 360.0 if azimuth else None
    except ValueError as error:
        raise MirageError(f"azimuth {azimuth!r} is not a number", where=where) from error
    if split not in ("", TRAIN, HELDOUT):
        raise MirageError(
            f"split {split!r} is not a choice",
            where=where,
            todo=f"use {TRAIN}, {HELDOUT}, or leave it empty",
        )
    object_id, viewpoint = known.get("object_id", ""), known.get("viewpoint", "")
    return Entry(path, object_id, degrees, split, viewpoint=viewpoint)
