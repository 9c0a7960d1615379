"""The photos below a folder: which files are photos, and which pictures are left out, and why."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePath

from mirage.core.files import SAVED, SHARED
from mirage.images.sources.source import is_hidden, left_out


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
