"""Peak memory of `mirage images` and `mirage poses` at several numbers of images.

    python benchmarks/quality/memory.py --images 5000 20000 80000

The images are turntable renders of 32 pixels. Only --distinct of them are rendered; the others
repeat these with the colour of one pixel changed, so that none is a duplicate. The network and the
fit are small, so that what grows with the number of images would show. The peak is the largest
resident set of the process, as the kernel counts it.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from mirage.config import TurntableConfig
from mirage.images.turntable.render import render_set

VIEWS = 8
SETTINGS = [
    "images.source=csv",
    "backbone=effnet_lite",
    "backbone.size=32",
    "backbone.layers=[2,3]",
    "parts.count=32",
    "parts.sample=32000",
    "poses.sample=2000",
    "poses.count=12",
    "poses.dims=64",
]


def write_images(renders: Path, folder: Path, count: int) -> Path:
    """A CSV of `count` photos made from those of the CSV `renders`."""
    folder.mkdir()
    with renders.open(newline="") as file:
        rows = list(csv.DictReader(file))
    pictures = [np.asarray(Image.open(renders.parent / row["path"])) for row in rows]
    with (folder / "list.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("path", "object_id", "azimuth"))
        for index in range(count):
            repeat, which = divmod(index, len(rows))
            picture = pictures[which].copy()
            picture[repeat // 31, repeat % 31] ^= 85  # another pixel each time
            name = f"{index:06d}.png"
            Image.fromarray(picture).save(folder / name, compress_level=1)
            table.writerow((name, f"{rows[which]['object_id']}-{repeat}", rows[which]["azimuth"]))
    return folder / "list.csv"


def measure(command: str, words: list[str]) -> tuple[float, float]:
    """Peak resident set (MiB) and seconds of a command."""
    start = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "mirage.cli", command, *words], stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"mirage {command} ended with status {status}")
    return usage.ru_maxrss / 1024, time.monotonic() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, nargs="+", default=[5000, 20000])
    parser.add_argument("--distinct", type=int, default=2000)
    parser.add_argument("--renders", type=Path, help="keep the renders here, and use them again")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        renders = render_set(
            TurntableConfig(objects=-(-arguments.distinct // VIEWS), views=VIEWS, size=32),
            arguments.renders or Path(scratch, "renders"),
        )
        print("  images   images: peak MiB  seconds   poses: peak MiB  seconds", flush=True)
        peaks = []
        for count in arguments.images:
            listing = write_images(renders, Path(scratch, f"photos-{count}"), count)
            words = [*SETTINGS, f"images.path={listing}", f"run={scratch}/run-{count}"]
            (images, images_time), (poses, poses_time) = (
                measure(command, words) for command in ("images", "poses")
            )
            peaks.append((images, poses))
            print(
                f"{count:8d}{images:19.0f}{images_time:9.0f}{poses:18.0f}{poses_time:9.0f}",
                flush=True,
            )
        if (more := arguments.images[-1] - arguments.images[0]) > 0:
            growth = (np.array(peaks[-1]) - peaks[0]) * 2**20 / more
            print(f"bytes an image more: images {growth[0]:.0f}, poses {growth[1]:.0f}")


if __name__ == "__main__":
    main()
