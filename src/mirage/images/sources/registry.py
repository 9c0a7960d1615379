"""Where photos come from: a folder, a tar file, tar shards, a CSV list or CompCars."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mirage.core.errors import MirageError
from mirage.core.files import as_text, file_named, path_of
from mirage.images.sources.compcars import CompCarsSource
from mirage.images.sources.folder import photos_below
from mirage.images.sources.listing import path_as_listed, read_listing
from mirage.images.sources.remote import absolute
from mirage.images.sources.shards import ShardsSource
from mirage.images.sources.source import Entry, Source, labelled
from mirage.images.sources.tar import TarSource


def open_source(kind: str, path: str) -> Source:
    """Open a source: folder, tar, shards, csv or compcars.

    Raises:
        MirageError: nothing is there, or it is not of that kind. Of shards only a file system that
            is not known is told at once: they may be far away.
    """
    if kind == "shards":
        return ShardsSource(absolute(path))
    place = path_of(path)
    if not place.exists():
        raise MirageError(
            f"{path} does not exist", where="configuration key images.path", todo="check the path"
        )
    if (kind in ("folder", "compcars")) != place.is_dir():
        found = "a folder" if place.is_dir() else "a file"
        hint = "folder" if place.is_dir() else "csv" if place.suffix == ".csv" else "tar"
        raise MirageError(
            f"{path} is {found}, which images.source={kind} cannot read",
            where="configuration key images.source",
            todo=f"use images.source={hint}",
        )
    makers: dict[str, Callable[[Path], Source]] = {
        "folder": FolderSource,
        "tar": TarSource,
        "csv": CsvSource,
        "compcars": CompCarsSource,
    }
    return makers[kind](place)


@dataclass(frozen=True)
class FolderSource(Source):
    """Every photo below a folder, and what of pictures is left out: see `photos_below`."""

    root: Path

    def entries(self, part: str = "") -> Iterator[Entry]:
        for path, refused in photos_below(self.root):
            yield Entry(as_text(path), refused=refused)

    def read(self, entry: Entry) -> bytes:
        return file_named(self.root, entry.path).read_bytes()


class CsvSource(Source):
    """Photos listed in a CSV with the columns path[, object_id][, azimuth][, split][, viewpoint].

    Paths are relative to the CSV's folder.
    """

    def __init__(self, listing: Path) -> None:
        self.listing = listing

    def entries(self, part: str = "") -> Iterator[Entry]:
        columns = ("path", "object_id", "azimuth", "split", "viewpoint")
        for where, row in read_listing(self.listing, columns, needed=1):
            path = path_as_listed(self.listing.parent, row["path"])
            entry = labelled(path or row["path"], row, where)
            missing = "missing: the CSV names it, but there is no such file"
            yield replace(entry, refused="" if path else missing)

    def read(self, entry: Entry) -> bytes:
        return (self.listing.parent / entry.path).read_bytes()


def find_photos(given: Sequence[str]) -> list[Path]:
    """The photos named, and those below the folders named.

    Raises:
        MirageError: nothing was named, a path does not exist, or the folders hold no photo.
    """
    found: list[Path] = []
    for name in given:
        path = path_of(name)
        if not path.exists():
            raise MirageError(f"{name} does not exist", where="command line", todo="check the path")
        if path.is_dir():
            found += sorted(path / photo for photo, refused in photos_below(path) if not refused)
        else:
            found.append(path)
    if not found:
        raise MirageError(
            "no photo was found",
            where="command line",
            todo="name photos, or folders that hold some",
        )
    return found
