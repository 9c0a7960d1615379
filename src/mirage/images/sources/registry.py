"""Where photos come from: the sources, by `images.source`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mirage.config.values.choices import registered
from mirage.core.errors import MirageError
from mirage.core.files import path_of
from mirage.images.sources.compcars import CompCarsSource
from mirage.images.sources.folder import FolderSource
from mirage.images.sources.remote import absolute
from mirage.images.sources.shards import ShardsSource
from mirage.images.sources.source import Source
from mirage.images.sources.table import CsvSource
from mirage.images.sources.tar import TarSource

_FOLDER, _FILE = "folder", "file"


@dataclass(frozen=True)
class Kind:
    """A kind of source.

    Attributes:
        open: what opens a path of that kind.
        takes: folder or file; empty where it may be far away, which is told when it is read.
    """

    open: Callable[[str], Source]
    takes: str


def _at(opened: Callable[[Path], Source]) -> Callable[[str], Source]:
    return lambda path: opened(path_of(path))


SOURCES = registered(
    "images.source",
    {
        "folder": Kind(_at(FolderSource), _FOLDER),
        "tar": Kind(_at(TarSource), _FILE),
        "shards": Kind(lambda path: ShardsSource(absolute(path)), ""),
        "csv": Kind(_at(CsvSource), _FILE),
        "compcars": Kind(_at(CompCarsSource), _FOLDER),
        "turntable": Kind(_at(FolderSource), _FOLDER),  # of its renders
    },
)


def open_source(kind: str, path: str) -> Source:
    """Open a source.

    Args:
        kind: a key of SOURCES.

    Raises:
        MirageError: nothing is there, or it is not of that kind.
    """
    source = SOURCES[kind]
    if source.takes:
        _check(kind, path)
    return source.open(path)


def _check(kind: str, path: str) -> None:
    place, takes_folder = path_of(path), SOURCES[kind].takes == _FOLDER
    if not place.exists():
        raise MirageError(
            f"{path} does not exist", where="configuration key images.path", todo="check the path"
        )
    if takes_folder != place.is_dir():
        found = "a folder" if place.is_dir() else "a file"
        hint = "folder" if place.is_dir() else "csv" if place.suffix == ".csv" else "tar"
        raise MirageError(
            f"{path} is {found}, which images.source={kind} cannot read",
            where="configuration key images.source",
            todo=f"use images.source={hint}",
        )
