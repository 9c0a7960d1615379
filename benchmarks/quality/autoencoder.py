"""How well an autoencoder keeps photos: those that a run holds out, and those of other things.

    python benchmarks/quality/autoencoder.py AUTOENCODER [RUN …] [--size PIXELS] [--out PICTURE.png]

AUTOENCODER is a folder or a name, as of model.autoencoder. The other things are the photos that
scikit-image and matplotlib bring along: each cut to its middle square and brought to the size.
Beside each row stands what the photo shrunk to as many numbers keeps.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib
import numpy as np
import skimage
from PIL import Image

from mirage.core.contracts import HELDOUT, ByteArray
from mirage.drawing.tables import print_tables
from mirage.evaluation.reconstruction import (
    SHRUNK,
    draw_reconstructions,
    figures_of,
    plain_codec,
    shrink,
    table_of,
    through_codec,
)
from mirage.images.decoding.squares import to_rgb, to_square
from mirage.images.image_set import open_images
from mirage.model.codec import load_autoencoder
from mirage.runs.folder import RunFolder

PHOTOS = 100  # held-out ones of a run, the same as `mirage autoencoder` measures
THINGS = (
    "astronaut.png",
    "camera.png",
    "chelsea.png",
    "clock_motion.png",
    "coffee.png",
    "coins.png",
    "hubble_deep_field.jpg",
    "moon.png",
    "motorcycle_left.png",
    "retina.jpg",
    "rocket.jpg",
)
TEXTURES = ("brick.png", "grass.png", "gravel.png", "page.png")


def held_out(run: str, size: int) -> ByteArray:
    """[N, size, size, 3] uint8."""
    images = open_images(RunFolder(Path(run))["images"])
    ids = np.random.default_rng(0).permutation(images.ids(HELDOUT))[:PHOTOS]
    return np.concatenate([photos for _, photos in images.batches(ids, size, PHOTOS)])


def opened(files: list[Path], size: int) -> ByteArray:
    """[N, size, size, 3] uint8."""
    return np.stack([to_square(to_rgb(Image.open(file)), size, "crop") for file in files])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("autoencoder")
    parser.add_argument("runs", nargs="*")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--out", type=Path, help="also draw photos beside what becomes of them")
    args = parser.parse_args()
    codec = plain_codec(load_autoencoder(args.autoencoder, "AUTOENCODER"), args.size, "--size")
    data = Path(skimage.__file__).parent / "data"
    things = [data / name for name in THINGS]
    things.append(Path(matplotlib.get_data_path(), "sample_data", "grace_hopper.jpg"))
    sets = [(f"held out of {run}", held_out(run, args.size)) for run in args.runs]
    sets += [
        ("things", opened(things, args.size)),
        ("textures, text", opened([data / name for name in TEXTURES], args.size)),
    ]
    rows, shown = [], []
    for name, photos in sets:
        again = through_codec(codec, photos)
        shown.append((name, photos, again))
        for label, pictures in ((name, again), (f"  {SHRUNK}", shrink(photos, codec))):
            figures = figures_of(photos, pictures, None)
            rows.append({"photos": label, "count": len(photos)} | figures)
        if name == "things":
            for file, photo, picture in zip(things, photos, again, strict=True):
                figures = figures_of(photo[None], picture[None], None)
                rows.append({"photos": f"  {file.stem}", "count": 1} | figures)
    print_tables([table_of(rows, args.size)])
    if args.out is not None:
        draw_reconstructions(shown).save(args.out)


if __name__ == "__main__":
    main()
