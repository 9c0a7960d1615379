"""How good poses are that are found in a folder of which some photos show no whole object.

    python benchmarks/quality/messy_folder.py RUN TRUTH.csv COUNT [SHARE]

The run has its images, and the table their true azimuths (docs/poses.md). COUNT of its photos are
drawn, and SHARE of these (0.2) replaced: by a detail, enlarged; by two photos side by side; by an
advert of bars and words; by a picture of nothing. Poses are found in what is left once photos are
set aside, and in all of them, and measured on those that were not replaced.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image, ImageDraw

from mirage.config.load import load_config
from mirage.core.contracts import ByteArray, IntArray
from mirage.distributed.device import device
from mirage.drawing.plots.azimuth_truth import AzimuthTruth, error_figures
from mirage.evaluation.known_azimuths import KnownAzimuths
from mirage.features.backbone import load_backbone
from mirage.images.image_set import open_images
from mirage.poses.description.describe import describe
from mirage.poses.fit import fit_bank
from mirage.poses.unlike import find_unlike
from mirage.runs.folder import RunFolder

_SEED = 0
Change = Callable[
    [ByteArray, ByteArray, np.random.Generator], ByteArray
]  # photo, another → picture


def _detail(photo: ByteArray, _: ByteArray, random: np.random.Generator) -> ByteArray:
    size = len(photo)
    side = int(size * random.uniform(0.22, 0.38))
    x, y = (int(random.uniform(0.25 * size, 0.75 * size - side)) for _ in range(2))
    part = Image.fromarray(photo).crop((x, y, x + side, y + side))
    return np.asarray(part.resize((size, size), Image.Resampling.BICUBIC))


def _pair(photo: ByteArray, other: ByteArray, _: np.random.Generator) -> ByteArray:
    half = len(photo) // 2
    ground = tuple(int(level) for level in photo[:4].mean(axis=(0, 1)))
    picture = Image.new("RGB", (2 * half, 2 * half), ground)
    for left, each in ((0, photo), (half, other)):
        picture.paste(Image.fromarray(each).resize((half, half)), (left, half // 2))
    return np.asarray(picture.resize((len(photo), len(photo))))


def _advert(photo: ByteArray, _: ByteArray, random: np.random.Generator) -> ByteArray:
    size = len(photo)
    picture = Image.new("RGB", (size, size), tuple(random.integers(0, 256, 3).tolist()))
    draw = ImageDraw.Draw(picture)
    for x, y in random.integers(0, size, (random.integers(3, 8), 2)):
        width, height = random.integers(size // 8, size // 2), random.integers(4, size // 8)
        colour = tuple(random.integers(0, 256, 3).tolist())
        draw.rectangle((int(x), int(y), int(x + width), int(y + height)), fill=colour)
        draw.text((int(y), int(x)), "BEST PRICE", fill=colour[::-1], font_size=size // 8)
    return np.asarray(picture)


def _nothing(photo: ByteArray, _: ByteArray, random: np.random.Generator) -> ByteArray:
    cells = random.integers(0, 256, (*[random.integers(4, 9)] * 2, 3)).astype(np.uint8)
    smooth = Image.fromarray(cells).resize(photo.shape[1::-1], Image.Resampling.BICUBIC)
    return np.asarray(smooth.quantize(8).convert("RGB"))


_CHANGES: dict[str, Change] = {
    "details": _detail,
    "pairs": _pair,
    "adverts": _advert,
    "nothing": _nothing,
}


def main(run: str, table: str, count: str, share: str = "0.2") -> None:
    """Print how many of each were set aside, and the errors with and without that."""
    config = load_config([f"run={run}"])
    images = open_images(RunFolder(Path(run))["images"])
    backbone = load_backbone(config.backbone, device())
    known = KnownAzimuths.read(Path(table))
    true_of = dict(zip(known.path, known.azimuth, strict=True))
    paths, random = images.path[:], np.random.default_rng(_SEED)
    ids = random.permutation([i for i, path in enumerate(paths) if path in true_of])[: int(count)]
    true = np.array([true_of[paths[i]] for i in ids])
    kinds = random.integers(0, len(_CHANGES), len(ids))
    kind = np.where(random.random(len(ids)) < float(share), kinds, -1)  # −1: as it is
    changes = list(_CHANGES.values())

    def read(rows: IntArray) -> Iterator[tuple[IntArray, ByteArray]]:
        done = 0
        size = backbone.config.batch_size
        for numbers, photos in images.batches(ids[rows], backbone.size, size):
            own = rows[done : done + len(photos)]
            done += len(photos)
            pictures = photos.copy()
            for place in np.flatnonzero(kind[own] >= 0):
                other = photos[(place + 1) % len(photos)]
                seeded = np.random.default_rng([_SEED, int(own[place])])
                pictures[place] = changes[kind[own[place]]](photos[place], other, seeded)
            yield numbers, pictures

    with TemporaryDirectory() as work:
        everything = np.arange(len(ids))
        described = describe(
            read, len(ids), everything, backbone, config.parts, config.poses, Path(work)
        )
        sample = described.read_sample()
    kind, true = kind[described.sample], true[described.sample]
    unlike = find_unlike(sample)
    for number, name in ((-1, "left as they are"), *enumerate(_CHANGES)):
        here = kind == number
        print(f"{name:<18}{here.sum():>6}   set aside {unlike[here].mean():>7.1%}", flush=True)
    print("found in                  median    90th    >90°   poses  ring score")
    for name, kept in (("what is not set aside", ~unlike), ("all of them", np.ones_like(unlike))):
        bank = fit_bank(sample.take(kept), backbone.config, described.encoder, config.poses)
        labels = bank.assign_descriptors(sample.photos, sample.mirrored)
        found = labels.azimuth[kind < 0].astype(float)
        figures = error_figures(AzimuthTruth.compare(found, true[kind < 0]).error)
        median, ninetieth = figures["median_deg"], figures["p90_deg"]
        errors = f"{median:>7.1f}°{ninetieth:>7.1f}°{figures['beyond_90']:>8.1%}"
        print(f"{name:<24}{errors}{bank.num_poses:>8}{bank.ring.score:>12.2f}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
