"""Where photos come from: a folder, a tar file, a CSV list or CompCars."""

from __future__ import annotations

import csv
import os
import tarfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from mirage.contracts import HELDOUT, TRAIN
from mirage.errors import MirageError
from mirage.images.compcars import CompCarsSource
from mirage.images.entry import Entry, Source

SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".jp2", ".avif"}
)


def open_source(kind: str, path: str) -> Source:
    """Open a source: folder, tar, csv or compcars.

    Raises:
        MirageError: nothing is there, or it is not of that kind.
    """
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


class TarSource(Source):
    """The photos in a tar file, read in place: nothing is unpacked to disk.

    Members are only ever read where they are in the file, never written anywhere. Links,
    devices and names that point outside the archive are refused. An uncompressed archive is read
    by position, without a shared file pointer, so threads and forked workers do not disturb one
    another; a compressed one is read through one stream, best in order and in one process.
    """

    def __init__(self, archive: Path) -> None:
        self.archive = archive
        self._lock = threading.RLock()
        self._file = self._open()
        self._plain = open(archive, "rb") if _is_uncompressed(archive) else None  # noqa: SIM115

    def __getstate__(self) -> dict[str, Any]:
        return {"archive": self.archive}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["archive"])  # type: ignore[misc]

    def _open(self) -> tarfile.TarFile:
        try:
            return tarfile.open(self.archive)
        except (tarfile.TarError, EOFError) as error:
            raise MirageError(
                f"not a readable tar file: {error}", where=str(self.archive), todo="check the file"
            ) from error

    def entries(self, part: str = "") -> Iterator[Entry]:
        for member in self._members:
            refused = refuse_member(member)
            if refused:
                yield Entry(member.name, refused=refused)
            elif PurePosixPath(member.name).suffix.lower() in SUFFIXES:
                place = (None, None) if self._plain is None else (member.offset_data, member.size)
                yield Entry(member.name, offset=place[0], num_bytes=place[1])

    def read(self, entry: Entry) -> bytes:
        if self._plain is not None and entry.offset is not None:
            return os.pread(self._plain.fileno(), entry.num_bytes or 0, entry.offset)
        with self._lock:
            stream = self._file.extractfile(self._photos[entry.path])
            if stream is None:
                raise OSError(f"{entry.path} is not a file")
            return stream.read()

    @cached_property
    def _members(self) -> list[tarfile.TarInfo]:
        """All but folders; of an archive that is cut short, those before the cut."""
        with self._lock:
            try:
                members = self._file.getmembers()
            except (tarfile.TarError, EOFError, OSError):
                members = list(self._file.members)  # type: ignore[attr-defined]
        return [member for member in members if not member.isdir()]

    @cached_property
    def _photos(self) -> dict[str, tarfile.TarInfo]:
        return {member.name: member for member in self._members if not refuse_member(member)}


def _is_uncompressed(archive: Path) -> bool:
    try:
        with tarfile.open(archive, "r:"):
            return True
    except tarfile.TarError:
        return False


def refuse_member(member: tarfile.TarInfo) -> str:
    """Why a member of an archive must not be read; empty if it may."""
    if not member.isfile() or member.issparse():
        return "not a plain file in the archive (link, device or sparse file)"
    parts = PurePosixPath(member.name)
    if parts.is_absolute() or ".." in parts.parts:
        return "its name points outside the archive"
    return ""


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

    def _entry(self, row: dict[str, str], line: int) -> Entry:
        azimuth = (row.get("azimuth") or "").strip()
        try:
            value = float(azimuth) % 360.0 if azimuth else None
        except ValueError as error:
            raise MirageError(
                f"azimuth {azimuth!r} is not a number", where=f"{self.listing}, line {line}"
            ) from error
        split = (row.get("split") or "").strip()
        if split not in ("", TRAIN, HELDOUT):
            raise MirageError(
                f"split {split!r} is not a choice",
                where=f"{self.listing}, line {line}",
                todo=f"use {TRAIN}, {HELDOUT}, or leave it empty",
            )
        viewpoint = (row.get("viewpoint") or "").strip()
        path, object_id = (row["path"] or "").strip(), row.get("object_id") or ""
        return Entry(path, object_id, value, split, viewpoint=viewpoint)

    def read(self, entry: Entry) -> bytes:
        return (self.listing.parent / entry.path).read_bytes()
