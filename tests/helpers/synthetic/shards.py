"""Tar shards in WebDataset's layout, of any bytes and anywhere."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Sequence

import fsspec
import numpy as np
from PIL import Image

SIZES = [5, 9, 3]  # photos of each shard


def add(archive: tarfile.TarFile, name: str, data: bytes = b"", kind: bytes = b"0") -> None:
    """A member of an archive; a link leads out of it."""
    member = tarfile.TarInfo(name)
    member.size, member.type = len(data), kind
    member.linkname = "/etc/passwd" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
    archive.addfile(member, io.BytesIO(data))


def tar_of(members: Sequence[tuple[str, bytes]], mode: str = "w") -> bytes:
    """The bytes of an archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in members:
            add(archive, name, data)
    return buffer.getvalue()


def save_shards(root: str, sizes: Sequence[int], side: int = 32) -> dict[str, bytes]:
    """Shards of so many samples: a picture of noise, its object in a .json, and a class.

    Returns:
        The pictures' bytes by the names that they are to have in a run.
    """
    rng = np.random.default_rng(0)
    pictures: dict[str, bytes] = {}
    count = 0
    for shard, size in enumerate(sizes):
        members: list[tuple[str, bytes]] = []
        for _ in range(size):
            pixels = rng.integers(0, 256, (side, side, 3), np.uint8)
            Image.fromarray(pixels).save(buffer := io.BytesIO(), "PNG")
            facts = {"object_id": f"car {count // 2}", "caption": "a car"}
            members += [
                (f"{count:06d}.cls", b"1"),
                (f"{count:06d}.png", buffer.getvalue()),
                (f"{count:06d}.json", json.dumps(facts).encode()),
            ]
            pictures[f"cars-{shard:06d}.tar/{count:06d}.png"] = buffer.getvalue()
            count += 1
        with fsspec.open(f"{root}/cars-{shard:06d}.tar", "wb") as file:
            file.write(tar_of(members))
    return pictures
