"""Files that are whole or not there, and what tells that they changed."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mirage.core.errors import MirageError

SAVED = "config.yaml"  # in the folder of a run: its configuration
SHARED = "_shared"  # in a sweep's: runs of which only the stages are made that jobs have in common

# What the file system answers where it refuses → what to do about it.
_FULL = "make room, or give run=DIR on another disk"
_FORBIDDEN = "give run=DIR where you may write, or ask for the right to"
_TODO = dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), _FULL) | dict.fromkeys(
    (errno.EROFS, errno.EACCES, errno.EPERM), _FORBIDDEN
)
_ELSEWHERE = re.compile(r"\(os error (\d+)\)")  # as what is written in Rust tells it, in no OSError


@contextmanager
def refusals_told() -> Iterator[None]:
    """What the file system refuses inside the block becomes a MirageError.

    Raises:
        MirageError: names the file, and what can be done.
    """
    try:
        yield
    except (BrokenPipeError, MirageError):  # of one that no longer listens
        raise
    except Exception as error:
        found = _ELSEWHERE.search(str(error))
        if not isinstance(error, OSError) and found is None:
            raise
        number = int(found[1]) if found else getattr(error, "errno", None)
        raise MirageError(
            f"cannot be read or written: {os.strerror(number) if number else error}",
            where=str(getattr(error, "filename", None) or ""),
            todo=f"{_TODO.get(number or 0, 'see to the file')}; "
            "the same command resumes from what is done",
        ) from error


def path_of(typed: str | os.PathLike[str]) -> Path:
    """A path as a person types it: ~ is the home folder."""
    return Path(os.path.expanduser(typed))  # unlike Path.expanduser, leaves ~nobody as it is


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that becomes `path` when all went well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def fingerprint(files: Iterable[tuple[str, int | None, object]]) -> str:
    """What tells cheaply that files changed: the name, the size and the time of each."""
    digest = hashlib.sha256()
    for name, size, time in files:
        digest.update(f"{name} {size} {time}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def as_text(name: str) -> str:
    """A name that can be written anywhere: of bytes that are no UTF-8, as in caf\\xe9.jpg."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")


def as_shown(name: str) -> str:
    """A name on one line: of line ends and the like, too, what they are in Python."""
    shown = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in as_text(name))
    return "".join(shown)


def file_named(folder: Path, text: str) -> Path:
    """The file below a folder whose name `as_text` gave."""
    path = folder / text
    if "\\x" not in text or path.exists():
        return path
    escaped = text.encode()
    return folder / os.fsdecode(
        re.sub(rb"\\x([89a-f][0-9a-f])", lambda m: bytes.fromhex(m[1].decode()), escaped)
    )


def hash_file(path: Path) -> str:
    """SHA-256 of what is in a file, as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_files(paths: Iterable[Path]) -> str:
    """SHA-256 of the names of files, without their folders, and of what is in them, as hex."""
    lines = (f"{path.name} {hash_file(path)}\n" for path in paths)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def files_at(root: Path) -> Iterator[tuple[str, int, int]]:
    """Name, size and time (ns) of a file, or of all below a folder; none where nothing is.

    Names are those below the folder, wherever that is. In a fixed order, with the names of one
    folder at a time in memory.
    """
    if not root.is_dir():
        yield from facts_of(str(root), root.name)
    for folder, subfolders, names in os.walk(root):
        subfolders.sort()
        for name in sorted(names):
            file = os.path.join(folder, name)
            yield from facts_of(file, os.path.relpath(file, root))


def facts_of(file: str, name: str) -> Iterator[tuple[str, int, int]]:
    """`name`, and the size and time (ns) of a file; nothing where there is none."""
    if os.path.isfile(file):
        facts = os.stat(file)
        yield name, facts.st_size, facts.st_mtime_ns
