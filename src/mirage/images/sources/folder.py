"""A folder of photos: which files are photos, and which pictures are left out, and why."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from mirage.core.errors import MirageError
from mirage.core.files import SAVED, SHARED, as_text, file_named, path_of
from mirage.images.sources.source import Entry, Source, is_hidden, left_out


@dataclass(frozen=True)
class FolderSource(Source):
    """Every photo below a folder, and what of pictures is left out: see `photos_below`."""

    root: Path

    def entries(self, part: str = "") -> Iterator[Entry]:
        for path, refused in photos_below(self.root):
            yield Entry(as_text(path), refused=refused)

    def read(self, entry: Entry) -> bytes:
        return file_named(self.root, entry.path).read_bytes()


def photos_below(root: Path) -> Iterator[tuple[str, str]]:
    """The path below `root` of every photo, and of what was left out, why; '' for a photo.

    In a fixed order, with the names of one folder at a time in memory. Links are followed, to each
    folder once. Left out are hidden and system folders and the folders of runs, whose pictures are
    not photos.
    """
    seen: set[tuple[int, int]] = set()
    waiting = [PurePath()]
    while waiting:
        folder = waiting.pop()
        try:
            facts = os.stat(root / folder)
            with os.scandir(root / folder) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            yield str(folder), f"a folder that cannot be read: {error.strerror}"
            continue
        if (facts.st_dev, facts.st_ino) in seen:
            yield str(folder), "a link to a folder that is listed already"
            continue
        seen.add((facts.st_dev, facts.st_ino))
        subfolders = []
        for entry in found:
            path = folder / entry.name
            if not os.path.isdir(entry.path):
                reason = left_out(path)
                if reason == "" and not os.path.isfile(entry.path):
                    # A pipe would block the reader for ever; a broken link leads nowhere.
                    reason = "not a plain file (broken link, pipe, …)"
                if reason is not None:
                    yield str(path), reason
            elif is_hidden(entry.name):
                yield str(path), "a hidden folder, or one of the system"
            elif is_of_runs(Path(entry.path)):
                yield str(path), "a folder of MIRAGE's own: its pictures are no photos"
            else:
                subfolders.append(path)
        waiting += reversed(subfolders)


def is_of_runs(folder: Path) -> bool:
    """Whether a folder is a run's, by its configuration, or a sweep's, which has runs in it."""
    try:
        if os.path.isdir(folder / SHARED):
            return any(is_of_runs(run) for run in (folder / SHARED).iterdir())
        with (folder / SAVED).open("rb") as file:
            start = file.read(4096)
    except OSError:
        return False
    return start.startswith(b"run:") and b"\ngroup:" in start


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
