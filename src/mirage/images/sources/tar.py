"""The photos in one tar file, and which members of an archive may be read."""

from __future__ import annotations

import os
import tarfile
import threading
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from mirage.core.errors import MirageError
from mirage.core.files import as_text
from mirage.images.sources.source import Entry, Source, left_out


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
            refused = refuse_member(member) or left_out(PurePosixPath(member.name))
            if refused:
                yield Entry(as_text(member.name), refused=refused)
            elif refused == "":
                place = (None, None) if self._plain is None else (member.offset_data, member.size)
                yield Entry(as_text(member.name), offset=place[0], num_bytes=place[1])

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
        return {
            as_text(member.name): member for member in self._members if not refuse_member(member)
        }


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
