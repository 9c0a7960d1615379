"""Photos in tar shards, in the layout of WebDataset, wherever fsspec can open them.

Files of one sample follow one another in a shard and share their name up to the first dot (of what
comes after the last slash): 000123.jpg is the photo, 000123.json may say more of it, and other
files of the sample are left alone. https://github.com/webdataset/webdataset

A dot before what is no word is of the name, as in `Shot at 10.30.12.png`. Where a sample would have
no photo, since names of a folder that was packed have dots before words (`my.car.png`), each
picture is one.
"""

from __future__ import annotations

import json
import os
import re
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import PurePosixPath
from typing import Any

from mirage.core.errors import MirageError
from mirage.core.files import as_text
from mirage.images.sources.remote import RemoteFile, RemoteFiles
from mirage.images.sources.source import SUFFIXES, Entry, Source, labelled, left_out
from mirage.images.sources.tar import refuse_member

# Of a member: the sample's key, and what it is of it.
_NAME = re.compile(r"((?:.*/)?[^/.][^/]*?)\.((?:[^\W\d]\w*\.)*[^/.]*)")
_COMPRESSED = re.compile(r"\.(tgz|tbz2?|txz|tar\.\w+)$")
_MAGIC = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")  # gzip, bzip2, xz, zstd


_Files = list[tuple[str, tarfile.TarInfo]]  # of a sample: what each is of it, in small letters


class ShardsSource(Source):
    """The photos of a set of shards, named shard.tar/key.jpg; each is read by position.

    A shard is read through once, to list it, and is a part of its own. No shard is unpacked, and
    of a photo no more is read than its bytes. Members are refused as those of a tar file are.

    Args:
        path: a folder of .tar files, or a pattern of them; see `RemoteFiles`.
    """

    def __init__(self, path: str) -> None:
        self._files = RemoteFiles(path)

    def shards(self) -> list[RemoteFile]:
        """The shards, by name.

        Raises:
            MirageError: there is none, or there is a compressed one.
        """
        found = self._files.find()
        for file in found:
            if _COMPRESSED.search(file.name):
                raise _compressed(file.name)
            if as_text(file.name) != file.name:
                raise MirageError(
                    "a name is no UTF-8", where=as_text(file.name), todo="rename the file"
                )
        shards = [file for file in found if file.name.endswith(".tar")]
        if not shards:
            raise MirageError(
                f"no shards (files named *.tar) are at {self._files.pattern}",
                where="configuration key images.path",
                todo="give a folder of them, or a pattern such as cars-{000000..000012}.tar, "
                "in quotes",
            )
        return shards

    def parts(self) -> list[str]:
        return [shard.name for shard in self.shards()]

    def entries(self, part: str = "") -> Iterator[Entry]:
        """The samples of a shard; of one that is cut short, those before the cut.

        Raises:
            MirageError: it is no tar file or compressed, or what a .json says cannot be used.
        """
        try:
            with self._files.open(part) as file:
                yield from _Shard(part, file).entries()
        except FileNotFoundError:
            yield Entry(part, refused="vanished: the shard is no longer there")

    def read(self, entry: Entry) -> bytes:
        shard, _, _ = entry.path.partition(".tar/")
        if entry.offset is None or entry.num_bytes is None:
            raise OSError("it is not known where in the shard it is")
        return self._files.read(f"{shard}.tar", entry.offset, entry.num_bytes)


class _Shard:
    """One shard, read from its beginning to its end."""

    def __init__(self, name: str, file: Any) -> None:
        self.name, self.file = name, file
        self.size = file.seek(0, os.SEEK_END)
        start = self._bytes(0, max(map(len, _MAGIC)))
        file.seek(0)
        try:
            self.archive = tarfile.open(fileobj=file, mode="r:")  # noqa: SIM115
        except tarfile.TarError as error:
            if start.startswith(_MAGIC):
                raise _compressed(name) from error
            raise MirageError(
                f"not a readable tar file: {error}", where=name, todo="check the file"
            ) from error

    def entries(self) -> Iterator[Entry]:
        seen: set[str] = set()
        for key, files in groupby(self._members(), lambda member: _split(member.name)[0]):
            if not key:
                continue
            for name, sample in _samples(key, list(files)):
                entry = self._sample(name, sample)
                again = "its name was there before in the shard" if name in seen else ""
                yield Entry(entry.path, refused=again) if again else entry
                seen.add(name)
        if not self._is_whole():
            yield Entry(self.name, refused="cut short: the shard has no end, more was in it")

    def _members(self) -> Iterator[tarfile.TarInfo]:
        try:
            for member in self.archive:
                if not member.isdir():
                    yield member
        except tarfile.ReadError:  # `_is_whole` tells
            return

    def _is_whole(self) -> bool:
        """Whether the last member is followed by the empty block that ends an archive."""
        return self._bytes(self.archive.offset, tarfile.BLOCKSIZE) == bytes(tarfile.BLOCKSIZE)

    def _sample(self, key: str, sample: _Files) -> Entry:
        files = [file for _, file in sample]
        pictures = [file for kind, file in sample if "." + kind in SUFFIXES]
        path = as_text(f"{self.name}/{_plain(pictures[0].name) if len(pictures) == 1 else key}")
        refused = next(filter(None, map(refuse_member, files)), "")
        if not pictures:
            refused = refused or "no picture in the sample"
        elif len(pictures) > 1:
            refused = "several pictures in one sample: " + ", ".join(p.name for p in pictures)
        elif any(file.offset_data + file.size > self.size for file in files):
            refused = refused or "truncated: the shard ends in it"
        else:
            refused = refused or left_out(PurePosixPath(_plain(pictures[0].name))) or ""
        if refused:
            return Entry(path, refused=refused)
        entry = Entry(path)
        for kind, file in sample:
            if kind == "json":
                where = f"{self.name}/{file.name}"
                entry = labelled(path, self._json(file, where), where)
        (picture,) = pictures
        return replace(entry, offset=picture.offset_data, num_bytes=picture.size)

    def _json(self, file: tarfile.TarInfo, where: str) -> dict[str, object]:
        try:
            facts = json.loads(self._bytes(file.offset_data, file.size))
        except ValueError as error:
            raise MirageError(f"not JSON: {error}", where=where, todo="mend the shard") from error
        return facts if isinstance(facts, dict) else {}

    def _bytes(self, start: int, count: int) -> bytes:
        self.file.seek(start)
        data: bytes = self.file.read(count)
        return data


def _samples(key: str, files: list[tarfile.TarInfo]) -> Iterator[tuple[str, _Files]]:
    """The samples, by name, that files of one key are: one, or each picture one."""
    sample = [(_split(file.name)[1], file) for file in files]
    apart = [(PurePosixPath(_plain(file.name)), file) for file in files]
    kinds = {path.suffix.lower() for path, _ in apart}
    has_photo = any("." + kind in SUFFIXES for kind, _ in sample)
    if has_photo or not kinds & SUFFIXES or not kinds <= SUFFIXES | {".json"}:
        yield key, sample
        return
    for name, group in groupby(apart, lambda one: str(one[0].with_suffix(""))):
        yield name, [(path.suffix[1:].lower(), file) for path, file in group]


def _split(name: str) -> tuple[str, str]:
    """A member's sample and what it is of it, in small letters; empty where it is of none."""
    name = _plain(name)
    found = _NAME.fullmatch(name)
    if found is None or ("/" not in name and name.startswith("__") and name.endswith("__")):
        return "", ""
    return found[1], found[2].lower()


def _plain(name: str) -> str:
    return name.removeprefix("./")  # what `tar -C FOLDER .` puts before every name


def _compressed(name: str) -> MirageError:
    return MirageError(
        "the shard is compressed, and of a compressed one no photo can be read by itself",
        where=name,
        todo="decompress it (gunzip, unxz, …): pictures are compressed as they are",
    )
