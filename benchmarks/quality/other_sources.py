"""How well a run's bank reads photos that differ from its own in anything but the pose.

    python benchmarks/quality/other_sources.py RUN TRUTH.csv [COUNT]

The run has its poses, and the table the true azimuths of its photos (docs/poses.md). Of its photos,
COUNT are drawn at random (500), and read as they are, framed otherwise, in another light, before
another background, and all of these. Renders of cars follow, from all round. Offset and direction
of the ring are chosen once, by the photos as they are.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageEnhance, ImageFilter

from mirage.core.angles import RingAlignment, align_rings
from mirage.core.contracts import ByteArray, FloatArray, PoseLabels
from mirage.evaluation.known_azimuths import KnownAzimuths
from mirage.images.decoding.squares import extrapolate
from mirage.images.image_set import open_images
from mirage.images.turntable.objects import sample_objects
from mirage.images.turntable.pictures import render
from mirage.poses.photo_reader import PoseReader
from mirage.runs.folder import BANK_FILE, RunFolder

Change = Callable[[ByteArray, FloatArray, np.random.Generator], ByteArray]  # photo, mask → photo
_OBJECTS, _VIEWS = 20, 24  # renders of each variant


def main(run: str, table: str, count: str = "500") -> None:
    """Print a row for each way in which photos differ."""
    folder = RunFolder(Path(run))
    images = open_images(folder["images"])
    reader = PoseReader.open(folder["poses"] / BANK_FILE, images.fit, 10**9)
    known = KnownAzimuths.read(Path(table))
    true_of = dict(zip(known.path, known.azimuth, strict=True))
    paths = images.path[:]
    ids = [i for i in np.random.default_rng(0).permutation(len(images)) if paths[i] in true_of]
    ids = sorted(ids[: int(count)])
    true = np.array([true_of[paths[i]] for i in ids])
    photos = np.stack([images.load_square(i, reader.backbone.size) for i in ids])
    masks = reader.bank.masks(reader.backbone(photos)).cpu().numpy()
    print("photos             median°   90th°   >90°   sure   sure, >90°")
    alignment = align_rings(reader.read(photos).azimuth, true)
    for number, (name, change) in enumerate(_CHANGES.items()):
        rng = np.random.default_rng([0, number])
        changed = np.stack([change(p, m, rng) for p, m in zip(photos, masks, strict=True)])
        _print(name, reader.read(changed), true, alignment)
    for variant in ("plain", "textured"):
        cars = sample_objects("cars", _OBJECTS, 5, variant=variant)
        azimuths = np.arange(_VIEWS) * 360.0 / _VIEWS + 5.0
        views = np.stack([render(car, a, reader.backbone.size) for car in cars for a in azimuths])
        _print(f"renders, {variant}", reader.read(views), np.tile(azimuths, _OBJECTS), alignment)


def _print(name: str, labels: PoseLabels, true: FloatArray, alignment: RingAlignment) -> None:
    error, sure = alignment.error(labels.azimuth, true), labels.confidence >= 0.5
    print(
        f"{name:<19}{np.median(error):>7.1f}{np.percentile(error, 90):>8.1f}"
        f"{(error > 90).mean():>7.1%}{sure.mean():>7.1%}{(error[sure] > 90).mean():>13.1%}",
        flush=True,
    )


def _framed(low: float, high: float, shift: float) -> Change:
    """Between `low` and `high` times as large, off the middle by up to `shift` of the side."""

    def change(photo: ByteArray, _: FloatArray, rng: np.random.Generator) -> ByteArray:
        side, length = len(photo), round(len(photo) * rng.uniform(low, high))
        picture = np.array(Image.fromarray(photo).resize((length, length)))
        left, top = (round((side - length) / 2 + s * side) for s in rng.uniform(-shift, shift, 2))
        inner = picture[max(-top, 0) : side - top, max(-left, 0) : side - left]
        return extrapolate(torch.from_numpy(inner.copy())[None], side, max(top, 0), max(left, 0))[
            0
        ].numpy()

    return change


def _lit(photo: ByteArray, _: FloatArray, rng: np.random.Generator) -> ByteArray:
    """Another exposure, contrast, white balance, saturation and focus, and a JPEG of that."""
    shades = (photo / 255.0) ** np.exp(rng.normal(0, 0.35))
    shades = (shades - 0.5) * np.exp(rng.normal(0, 0.25)) + 0.5
    shades = shades * np.exp(rng.normal(0, 0.2)) * np.exp(rng.normal(0, 0.12, 3))
    picture = Image.fromarray((shades.clip(0, 1) * 255).astype(np.uint8))
    picture = ImageEnhance.Color(picture).enhance(rng.uniform(0.4, 1.5))
    picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0, 1.5)))
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=int(rng.integers(15, 80)))
    return np.array(Image.open(data).convert("RGB"))


def _on_show(photo: ByteArray, mask: FloatArray, rng: np.random.Generator) -> ByteArray:
    """Before a wall with spots of light, on a bright floor."""
    side = len(photo)
    soft = Image.fromarray((mask * 255).astype(np.uint8)).resize((side, side))
    inside = ((np.asarray(soft) / 255.0 - 0.3) / 0.4).clip(0, 1)[..., None]
    y, x = np.mgrid[:side, :side]
    floor = y > rng.uniform(0.4, 0.7) * side
    room = np.where(floor, rng.uniform(150, 255), rng.uniform(60, 255))[..., None] + np.zeros(3)
    for _ in range(8):
        place, reach = rng.uniform(0, (0.55 * side, side)), rng.uniform(0.03, 0.2) * side
        spot = np.exp(-((y - place[0]) ** 2 + (x - place[1]) ** 2) / reach**2)
        room = room + rng.uniform(-120, 160) * spot[..., None]
    mixed = photo * inside + (0.75 * room.clip(0, 255) + 0.25 * photo) * (1 - inside)
    return np.asarray(mixed.clip(0, 255).astype(np.uint8))


def _all(photo: ByteArray, mask: FloatArray, rng: np.random.Generator) -> ByteArray:
    shown = _on_show(photo, mask, rng) if rng.random() < 0.5 else photo
    return _lit(_framed(0.6, 1.15, 0.08)(shown, mask, rng), mask, rng)


_CHANGES: dict[str, Change] = {
    "as they are": lambda photo, *_: photo,
    "0.75 as large": _framed(0.75, 0.75, 0.1),
    "0.6 as large": _framed(0.6, 0.6, 0.15),
    "1.2 as large": _framed(1.2, 1.2, 0.05),
    "in another light": _lit,
    "on a show floor": _on_show,
    "all of these": _all,
}


if __name__ == "__main__":
    main(*sys.argv[1:])
