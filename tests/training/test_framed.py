"""Photos framed for a model; here bright bars are the objects, of many sizes and places."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from mirage.config import Config, ImagesConfig
from mirage.core.contracts import ByteArray, FloatArray, IntArray
from mirage.images.decoding.squares import to_frame, to_square
from mirage.runs.folder import RunFolder
from mirage.training import framed
from mirage.training.framed import find_framing, framed_key, open_framed, sample_framing

SIDE = 160


class Bars:
    """Stands in for an ImageSet."""

    fit = "pad"

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.heights = rng.uniform(40, 90, 24)
        self.looked_at = 0
        self.windows: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.heights)

    def ids(self, split: str) -> IntArray:
        return np.arange(20)

    def size_of(self, image_id: int) -> tuple[int, int]:
        return SIDE, SIDE

    def load(self, image_id: int) -> Image.Image:
        photo, high = np.full((SIDE, SIDE, 3), 30, np.uint8), int(self.heights[image_id])
        top, left = 10 + image_id, 20 + image_id
        photo[top : top + high, left : left + 60] = 220
        return Image.fromarray(photo)

    def batches(self, ids: IntArray, size: int, batch: int) -> Iterator[tuple[IntArray, ByteArray]]:
        for start in range(0, len(ids), batch):
            part = ids[start : start + batch]
            self.looked_at += len(part)
            yield part, np.stack([to_square(self.load(int(i)), size, "pad") for i in part])

    def framed(self, windows: FloatArray) -> Bars:
        self.windows = windows
        return self


class Backbone:
    """Patches of 16 pixels, of their brightness."""

    config, size = SimpleNamespace(batch_size=7), SIDE

    def __call__(self, photos: ByteArray) -> torch.Tensor:
        bright = torch.from_numpy((photos[..., 0] > 128).astype(np.float32))
        return torch.nn.functional.avg_pool2d(bright, 16)[..., None]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[RunFolder, Bars]:
    images, folder = Bars(), RunFolder(tmp_path)
    bank = SimpleNamespace(backbone=None, masks=lambda features: features[..., 0])
    monkeypatch.setattr(framed, "open_images", lambda _: images)
    monkeypatch.setattr(framed, "load_backbone", lambda *_: Backbone())
    monkeypatch.setattr(framed, "load_bank", lambda _: bank)
    for stage in ("images", "poses"):
        folder[stage].mkdir()
        folder.finish(stage, f"some {stage}")
    return folder, images


def config_of(frame: str) -> Config:
    return replace(Config(), images=ImagesConfig(frame=frame))


def height_shown(images: Any, image_id: int) -> float:
    seen = to_frame(images.load(image_id), SIDE, tuple(images.windows[image_id].tolist()))
    return float((seen[..., 0] > 128).any(axis=1).mean())


def test_by_height_objects_are_as_high_wherever_they_were(run: Any) -> None:
    folder, images = run
    _, framing = open_framed(config_of("height"), folder)
    shown = [height_shown(images, i) for i in range(len(images))]
    assert np.std(shown) < 0.06 * np.mean(shown)
    assert np.std(images.heights) > 0.2 * np.mean(images.heights)
    assert framing.target is not None and framing.usual is not None
    looked_at = images.looked_at
    open_framed(config_of("box"), folder)
    assert images.looked_at == looked_at == len(images)  # once, however they are framed


def test_photos_that_are_left_as_they_are_are_not_looked_at(run: Any) -> None:
    folder, images = run
    found, framing = open_framed(config_of("none"), folder)
    assert found is images and images.windows is None and framing.target is None
    assert images.looked_at == 0
    known = find_framing(config_of("none"), folder)
    assert known.target is None and known.usual is not None and known.border_share == 0.0


def test_a_sample_tells_about_the_same(run: Any) -> None:
    folder, _ = run
    whole, few = (find(config_of("height"), folder) for find in (find_framing, sample_framing))
    assert few.target.height == pytest.approx(whole.target.height, rel=0.1)


def test_the_key_tells_how_they_are_framed(run: Any) -> None:
    folder, _ = run
    keys = [framed_key(config_of(how), folder) for how in ("none", "height", "box")]
    assert len(set(keys)) == 3 and keys[0] == "some images"
    folder.finish("poses", "other poses")
    assert framed_key(config_of("height"), folder) != keys[1]
    assert framed_key(config_of("none"), folder) == keys[0]
