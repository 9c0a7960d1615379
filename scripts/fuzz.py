"""Made files and folders through `mirage images`, `assign` and `views`: how many stack traces.

    python scripts/fuzz.py --files 1000

Each folder holds some files: pictures of all modes and kinds, cut short, with bytes changed, of
vast sizes, under wrong suffixes and odd names, links in circles, pipes. It is read as a folder,
a tar file, shards or a CSV, itself perhaps damaged. A command that ends with a message is right,
whatever the message; one that ends in a stack trace, or not within two minutes, is told of.
`assign` and `views` take a run that is there (--run; `views` where that has a model) or a tiny one.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import signal
import struct
import tarfile
import tempfile
import traceback
import warnings
import zlib
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from mirage.cli import main

KINDS = {
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "JPEG": ("L", "RGB", "CMYK"),
    "TIFF": ("1", "L", "LAB", "RGB", "RGBA", "CMYK", "I;16", "I", "F"),
    "GIF": ("L", "P", "RGB"),
    "WEBP": ("RGB", "RGBA"),
    "BMP": ("1", "L", "RGB"),
    "PPM": ("1", "L", "RGB", "I;16"),
    "TGA": ("L", "LA", "RGB", "RGBA"),
    "JPEG2000": ("L", "RGB"),
    "PCX": ("L", "RGB"),
    "SGI": ("L", "RGB"),
    "EPS": ("L", "RGB"),
    "AVIF": ("RGB", "RGBA"),
}
SUFFIXES = (
    ".jpg",
    ".JPG",
    ".png",
    ".tif",
    ".gif",
    ".webp",
    ".jfif",
    ".pgm",
    ".tga",
    ".heic",
    ".psd",
    ".dds",
    ".mpo",
    ".qoi",
    ".cr2",
    ".svg",
    ".txt",
    "",
)
NAMES = (
    b"a",
    "Käfer".encode(),
    b"caf\xe9",
    b"\xff\xfe",
    b"a b",
    b"[/b] [red]",
    b'it\'s "x"',
    b"line\nbreak",
    b"-x",
    b"--json",
    b"a=b",
    b"$HOME",
    b"~",
    b"%s{0}",
    b"a.b.c",
    b"x" * 200,
    "日本 🚗".encode(),
    b"null",
    b".hidden",
    b"._a",
    b"back\\slash",
    b"\\xe9",
    b"tab\t",
    b" ",
    b"2024_05_01",
    b"images",
    b"con",
)
LIMIT = 120  # seconds a command


class TooLongError(Exception):
    """A command did not end."""


def picture(rng: random.Random) -> bytes:
    """A picture of any kind and mode, at times of several frames or of odd sizes."""
    kind = rng.choice(list(KINDS))
    mode = rng.choice(KINDS[kind])
    size = rng.choice([(40, 30), (64, 64), (1, 1), (300, 2), (24, 24)])
    noise = np.frombuffer(rng.randbytes(3 * size[0] * size[1]), np.uint8)
    image = Image.fromarray(noise.reshape(size[1], size[0], 3))
    with suppress(ValueError):
        image = image.convert("L").convert(mode) if mode[0] in "IF" else image.convert(mode)
    extra = {"save_all": True, "append_images": [image]} if kind in ("GIF", "TIFF", "WEBP") else {}
    image.save(buffer := io.BytesIO(), kind, **(extra if rng.random() < 0.3 else {}))
    return buffer.getvalue()


def cut_short(rng: random.Random) -> bytes:
    data = picture(rng)
    return data[: rng.randrange(len(data))]


def changed(rng: random.Random) -> bytes:
    data = bytearray(picture(rng))
    for _ in range(rng.choice([1, 3, 30])):
        data[rng.randrange(min(len(data), rng.choice([40, 10**9])))] = rng.randrange(256)
    return bytes(data)


def bomb(rng: random.Random) -> bytes:
    """Few bytes that ask for much memory."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    side = rng.choice([60_000, 2**31 - 1, 7_000])
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    text = chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(3_000_000)))
    png = b"\x89PNG\r\n\x1a\n" + header + text + chunk(b"IDAT", zlib.compress(bytes(1000)))
    return rng.choice(
        [
            png,
            b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0xF7, 0, 0),
            b"BM" + bytes(12) + struct.pack("<IiiHH", 40, side, side, 1, 24) + bytes(24),
            b"P6\n%d %d\n255\n" % (side, side),
        ]
    )


def no_picture(rng: random.Random) -> bytes:
    return rng.choice(
        [
            b"",
            b"text",
            b"<svg/>",
            b"<html>",
            rng.randbytes(3000),
            bytes(512),
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
            b"\xff\xd8\xff\xe0",
            b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
            b"II*\0\x08\0\0\0\xff\xff",
        ]
    )


def damaged_exif(rng: random.Random) -> bytes:
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 3) + struct.pack("<HHII", 0x112, 3, 1, 6)
    Image.new("RGB", (40, 30)).save(buf := io.BytesIO(), "JPEG", exif=exif + rng.randbytes(24))
    return buf.getvalue()


MAKERS: tuple[Callable[[random.Random], bytes], ...] = (
    picture,
    picture,
    picture,
    cut_short,
    changed,
    bomb,
    no_picture,
    damaged_exif,
)


def fill(folder: Path, count: int, rng: random.Random) -> None:
    """Some files, in the folder or below it, and what a folder may have besides."""
    folder.mkdir(parents=True)
    for number in range(count):
        stem = rng.choice(NAMES) + (f"{number}" if rng.random() < 0.7 else "").encode()
        below = rng.choice(["", "", "deep", ".thumbnails", "@eaDir", "a.jpg", "Ü"])
        path = folder / below / (os.fsdecode(stem) + rng.choice(SUFFIXES))
        with suppress(OSError):  # two of one name, of which one is a folder
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(rng.choice(MAKERS)(rng))
            path.chmod(rng.choice([0o644, 0o644, 0o644, 0]))
    links = (("up", ".."), ("self", "self"), ("broken.png", "nowhere"), ("out", "/etc"))
    for name, target in rng.sample(links, 2):
        (folder / name).symlink_to(target)
    if rng.random() < 0.2:
        os.mkfifo(folder / "pipe.png")


def pack(folder: Path, rng: random.Random) -> list[str]:
    """The words that read a folder as one of the sources, of which it may be made one first."""
    kind = rng.choice(["folder", "folder", "tar", "shards", "csv"])
    path = folder
    if kind in ("tar", "shards"):
        path = folder.with_suffix(".tar")
        mode: Literal["w", "w:gz"] = rng.choice(["w", "w", "w:gz"])
        with tarfile.open(path, mode) as archive, suppress(OSError):
            archive.add(folder, rng.choice([".", "/x", "../up", "a"]))
    if kind == "csv":
        path = folder.with_suffix(".csv")
        names = [os.fsencode(found.relative_to(folder.parent)) for found in folder.rglob("*")]
        heading = rng.choice([b"path", b"path;azimuth", b"\xef\xbb\xbfpath,split", b"file", b""])
        path.write_bytes(rng.choice([b"\n", b"\r\n"]).join([heading, *names]))
    if path != folder and rng.random() < 0.3:
        data = path.read_bytes()
        path.write_bytes(data[: rng.randrange(len(data) + 1)])
    return [f"images.source={kind}", f"images.path={path}"]


def outcome(words: list[str], limit: int = LIMIT) -> str:
    """How a command ended: with 0, with a message, or in a stack trace, which is printed."""

    def stop(*_: object) -> None:
        raise TooLongError

    said = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    signal.signal(signal.SIGALRM, stop)
    signal.alarm(limit)
    try:
        with redirect_stdout(said), redirect_stderr(said):
            main(words)
    except SystemExit as end:
        return "done" if not end.code else "told"
    except BaseException:
        print(f"mirage {words}\n{traceback.format_exc()}", flush=True)
        return "stack traces"
    finally:
        signal.alarm(0)
    return "stack traces"  # main always exits


def run() -> int:
    """Returns 1 where there was a stack trace."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--each", type=int, default=8, help="files of a folder")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--run", type=Path, help="a run with poses, and perhaps a model")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    os.environ["WANDB_MODE"] = "disabled"
    ends: dict[str, Counter[str]] = {name: Counter() for name in ("images", "assign", "views")}
    folders = -(-given.files // given.each)
    with tempfile.TemporaryDirectory() as scratch:
        there = given.run
        if there is None:
            there = Path(scratch) / "tiny"
            assert outcome(["images", "experiment=tiny", f"run={there}"], limit=0) == "done"
            assert outcome(["poses", f"run={there}"], limit=0) == "done"
        for number in range(folders):
            rng = random.Random(f"{given.seed}/{number}")
            folder = Path(scratch) / str(number) / "photos [1]"
            fill(folder, given.each, rng)
            words = ["images", f"run={folder.parent}/run", "images.min_count=2"]
            ends["images"][outcome([*words, *pack(folder, rng), "images.min_side=8"])] += 1
            named = [str(path) for path in folder.iterdir() if path.exists()][:2]
            ends["assign"][outcome(["assign", str(folder), *named, f"run={there}"])] += 1
            if (there / "model").is_dir():
                asked = [f"views.reference={folder}", "views.count=2", "views.sampler.steps=2"]
                ends["views"][outcome(["views", *asked, f"run={there}"])] += 1
    print(f"{folders * given.each} files in {folders} folders, seed {given.seed}")
    for name, counts in ends.items():
        kinds = ", ".join(f"{counts[kind]} {kind}" for kind in ("done", "told", "stack traces"))
        print(f"{name:<8}{kinds}" if counts else f"{name:<8}not run")
    return int(any(counts["stack traces"] for counts in ends.values()))


if __name__ == "__main__":
    raise SystemExit(run())
