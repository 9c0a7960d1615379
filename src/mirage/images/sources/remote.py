"""Files by a pattern, wherever fsspec can open them.

A pattern is a path or a URL, with braces ({000..012} and {a,b}, WebDataset's notation), with
wildcards (*, ?, [ ]), or with both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fsspec.core import url_to_fs
from fsspec.registry import known_implementations

from mirage.core.errors import MirageError
from mirage.core.files import path_of

_THREADS = 16  # that wait for answers
_BRACES = re.compile(r"\{(\d+\.\.\d+|[^{}]*,[^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")
_WILD = re.compile(r"[*?\[]")
_SPECIAL = re.compile(r"[{*?\[]")
_TIMES = ("ETag", "etag", "mtime", "LastModified", "last_modified", "updated", "created")


@dataclass(frozen=True)
class RemoteFile:
    """A file of a set.

    Attributes:
        name: below the folder that the set has in common.
        size: bytes, where the store tells. time: its etag or time of change, where the store tells.
    """

    name: str
    size: int | None
    time: object


class RemoteFiles:
    """The files of a pattern, below the folder that its fixed part names; opening reads nothing.

    Raises:
        MirageError: no file system for it is known or installed, and, when files are looked for or
            read, where the store cannot be reached.
    """

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        special = _SPECIAL.search(pattern)
        fixed = pattern[: special.start()] if special else pattern
        # By its name alone: the store may be far, and is not asked before it must be.
        is_folder = special is None and not pattern.endswith(".tar")
        folder = fixed.rstrip("/") + "/" if is_folder else fixed[: fixed.rfind("/") + 1]
        self._rest = pattern[len(folder) :]
        self._files, place = _open(folder, pattern)
        self._root = place.rstrip("/") + "/"

    def find(self) -> list[RemoteFile]:
        """All of them, by name; of a folder, what is directly in it.

        Raises:
            MirageError: a name without wildcards is not there.
        """
        found: dict[str, dict[str, Any]] = {}
        names = [self._root + rest for rest in expand_braces(self._rest)]
        with self._reaching(self.pattern), ThreadPoolExecutor(_THREADS) as pool:
            for some in pool.map(self._match, names):
                found |= some
        return [
            RemoteFile(
                name.removeprefix(self._root),
                facts.get("size"),
                next((facts[key] for key in _TIMES if facts.get(key)), ""),
            )
            for name, facts in sorted(found.items())
        ]

    def _match(self, name: str) -> dict[str, dict[str, Any]]:
        if _WILD.search(name):
            found = self._files.glob(name, detail=True)
        else:
            try:
                facts = self._files.info(name)
            except FileNotFoundError as error:
                raise MirageError(
                    f"{name} does not exist",
                    where="configuration key images.path",
                    todo="check the path",
                ) from error
            listed = self._files.ls(name, detail=True) if facts["type"] == "directory" else [facts]
            found = {one["name"]: one for one in listed}
        return {path: facts for path, facts in found.items() if facts["type"] == "file"}

    @contextmanager
    def open(self, name: str) -> Iterator[Any]:
        """One of them, to read and to seek in; raises FileNotFoundError where it is gone."""
        with self._reaching(name), self._files.open(self._root + name, "rb") as file:
            yield file

    def read(self, name: str, start: int, count: int) -> bytes:
        """`count` bytes from `start`, fewer where the file ends; FileNotFoundError as above."""
        if count == 0:
            return b""
        with self._reaching(name):
            data: bytes = self._files.cat_file(self._root + name, start=start, end=start + count)
        return data

    @contextmanager
    def _reaching(self, name: str) -> Iterator[None]:
        try:
            yield
        except (MirageError, FileNotFoundError):
            raise
        except Exception as error:  # every store has errors of its own
            first = (str(error).splitlines() or [""])[0][:200]
            raise MirageError(
                f"cannot be read: {type(error).__name__}: {first}",
                where=name if name == self.pattern else f"{name} of {self.pattern}",
                todo="check that the store answers and lets you read; the same command resumes",
            ) from error


def is_url(path: str) -> bool:
    """Whether a path is fsspec's to read: s3://…, or several in a chain (simplecache::s3://…)."""
    return "://" in path or "::" in path


def absolute(path: str) -> str:
    """The same place, whatever folder a command runs in; a URL as it is."""
    return path if is_url(path) else str(path_of(path).resolve())


def expand_braces(pattern: str) -> list[str]:
    """Every name that a pattern with {000..012} and {a,b} stands for, in order.

    Numbers have as many digits as the first of their range, at least.
    """
    braces = _BRACES.search(pattern)
    if braces is None:
        return [pattern]
    numbers = _RANGE.fullmatch(braces[1])
    if numbers is None:
        choices = braces[1].split(",")
    else:
        first, last = numbers.groups()
        choices = [f"{n:0{len(first)}d}" for n in range(int(first), int(last) + 1)]
    head, rests = pattern[: braces.start()], expand_braces(pattern[braces.end() :])
    return [f"{head}{choice}{rest}" for choice in choices for rest in rests]


def _open(folder: str, pattern: str) -> tuple[Any, str]:
    try:
        files, place = url_to_fs(folder)
    except (ImportError, ValueError) as error:
        protocol = folder.rpartition("::")[2].partition("://")[0]
        package = str(known_implementations.get(protocol, {}).get("class", "")).partition(".")[0]
        if package == "fsspec":
            package = f"'fsspec[{protocol}]'"
        raise MirageError(
            f"{pattern} cannot be opened: {error}",
            where="configuration key images.path",
            todo=f"pip install {package}" if package else "use a protocol that fsspec knows",
        ) from error
    return files, str(place)
