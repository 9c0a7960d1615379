"""Where photos come from: a folder, a tar file, tar shards, a CSV list or CompCars."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mirage.errors import MirageError
from mirage.images.compcars import CompCarsSource
from mirage.images.entry import SUFFIXES, Entry, Source, labelled
from mirage.images.remote import absolute
from mirage.images.shards import ShardsSource
from mirage.images.tar import TarSource


def open_source(kind: str, path: str) -> Source:
    """Open a source: folder, tar, shards, csv or compcars.

    Raises:
        MirageError: nothing is there, or it is not of that kind. Of shards only a file system that
            is not known is told at once: they may be far away.
    """
    if kind == "shards":
        return ShardsSource(absolute(path))
    place = Path(path).expanduser()
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
    """Every photo below a folder, by sorted path; links to folders are not followed."""

    root: Path

    def entries(self, part: str = "") -> Iterator[Entry]:
        for folder, subfolders, names in os.walk(self.root, followlinks=False):
            subfolders.sort()
            for name in sorted(names):
                if Path(name).suffix.lower() in SUFFIXES and not name.startswith("."):
                    path = Path(folder) / name
                    # A pipe would block the reader for ever; a broken link leads nowhere.
                    refused = "" if path.is_file() else "not a plain file (broken link, pipe, …)"
                    yield Entry(str(path.relative_to(self.root)), refused=refused)

    def read(self, entry: Entry) -> bytes:
        return (self.root / entry.path).read_bytes()


_COLUMNS = "path[,object_id][,azimuth][,split][,viewpoint]"


class CsvSource(Source):
    """Photos listed in a CSV with the columns path[, object_id][, azimuth][, split][, viewpoint].

    Paths are relative to the CSV's folder.
    """

    def __init__(self, listing: Path) -> None:
        self.listing = listing

    def entries(self, part: str = "") -> Iterator[Entry]:
        try:
            with self.listing.open(newline="", encoding="utf-8-sig") as file:
                reader = csv.DictReader(file)
                if "path" not in (reader.fieldnames or ()):
                    raise MirageError(
                        "the CSV has no column named path",
                        where=str(self.listing),
                        todo=f"name the columns first: {_COLUMNS}",
                    )
                for line, row in enumerate(reader, start=2):
                    yield self._entry(row, line)
        except (UnicodeDecodeError, csv.Error) as error:
            raise MirageError(f"not a CSV file: {error}", where=str(self.listing)) from error

    def _entry(self, row: dict[str, Any], line: int) -> Entry:
        return labelled((row["path"] or "").strip(), row, f"{self.listing}, line {line}")

    def read(self, entry: Entry) -> bytes:
        return (self.listing.parent / entry.path).read_bytes()


def find_photos(given: Sequence[str]) -> list[Path]:
    """The photos named, and those below the folders named.

    Raises:
        MirageError: nothing was named, a path does not exist, or the folders hold no photo.
    """
    found: list[Path] = []
    for name in given:
        path = Path(name)
        if not path.exists():
            raise MirageError(f"{name} does not exist", where="command line", todo="check the path")
        if path.is_dir():
            found += sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES)
        else:
            found.append(path)
    if not found:
        raise MirageError(
            "no photo was found",
            where="command line",
            todo="name photos, or folders that hold some",
        )
    return found
