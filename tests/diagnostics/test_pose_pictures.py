"""The pictures of the poses, from photos of one colour a pose."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from mirage.config import BackboneConfig
from mirage.core.contracts import ByteArray, FloatArray, IntArray, PoseLabels, PoseRing
from mirage.diagnostics.gallery import GALLERY, Gallery
from mirage.diagnostics.pose_panels import pose_files
from mirage.diagnostics.pose_pictures import draw_poses, look_at, surest_photos

NUM_POSES, NUM_PARTS = 4, 3
POSE = np.arange(40) % NUM_POSES


def colour_of(pose: int) -> tuple[int, int, int]:
    return (60 * pose, 200 - 50 * pose, 120)


class Photos:
    """Stands in for the photos of a run."""

    def __len__(self) -> int:
        return len(POSE)

    def batches(
        self, ids: IntArray, size: int, batch_size: int
    ) -> Iterator[tuple[IntArray, ByteArray]]:
        for start in range(0, len(ids), batch_size):
            some = ids[start : start + batch_size]
            colours = np.array([colour_of(POSE[i]) for i in some], np.uint8)
            yield some, np.broadcast_to(colours[:, None, None], (len(some), size, size, 3)).copy()


class Backbone:
    """Patches are 4 pixels square."""

    config, size = BackboneConfig(name="effnet_lite", batch_size=16), 32

    def __call__(self, photos: ByteArray) -> torch.Tensor:
        return torch.as_tensor(photos[:, ::4, ::4].copy()).float()


class Bank:
    """The strongest channel of a patch is its part; the last part is the background."""

    num_poses = NUM_POSES
    ring = PoseRing(np.array([180.0, 90, 0, 270]), 0.9)
    encoder = SimpleNamespace(weights=np.array([1.0, 1.0, 0.0], np.float32))

    def part_maps(self, features: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.one_hot(features.argmax(-1), NUM_PARTS).float()

    def masks(self, features: torch.Tensor) -> torch.Tensor:
        return self.part_maps(features)[..., :2].sum(-1)


def labels() -> PoseLabels:
    confidence: FloatArray = np.linspace(0, 1, len(POSE))
    weight = np.ones((len(POSE), 1))
    return PoseLabels(
        POSE, confidence, Bank.ring.azimuth[POSE], POSE[:, None], weight, np.zeros(len(POSE), bool)
    )


SUMMARY: dict[str, Any] = {"counts": np.bincount(POSE).tolist()}
TOLD = {
    "mirror": [0, 3, 2, 1],
    "span": [0, 360],
    "parents": [0, 0, 1, 1],
    "count": {
        "asked": "auto",
        "chosen": 4,
        "why": "4 poses are stable",
        "candidates": [
            {"count": 4, "open_bits": 0.5, "low": 0.4, "high": 0.6},
            {"count": 8, "open_bits": 1.5, "low": 1.4, "high": 1.6},
        ],
    },
}
ALWAYS = ["ring", "montage", "parts", "part_masks", "sizes", "doubts"]


def draw(target: Path, summary: dict[str, Any], seed: int = 0) -> list[str]:
    stand_ins: Any = (Photos(), Backbone(), Bank())
    draw_poses(target, *stand_ins, labels(), summary, seed)
    return [path.stem for path in pose_files(target)]


def test_what_the_summary_tells_is_drawn_and_what_it_no_longer_tells_goes(tmp_path: Path) -> None:
    assert sorted(draw(tmp_path, SUMMARY | TOLD)) == sorted([*ALWAYS, "pairs", "stability"])
    fixed = {"asked": 4, "chosen": 4, "why": "as asked"}
    assert sorted(draw(tmp_path, SUMMARY | {"count": fixed})) == sorted(ALWAYS)
    others = [path.name for path in tmp_path.iterdir() if path.suffix != ".png"]
    assert others == [GALLERY]


def test_the_gallery_keeps_photos_of_each_pose_and_the_object_s_parts(tmp_path: Path) -> None:
    draw(tmp_path, SUMMARY)
    kept = Gallery.load(tmp_path / GALLERY)
    assert np.bincount(kept.pose).tolist() == [10] * NUM_POSES
    for photo, pose in zip(kept.photos, kept.pose, strict=True):
        assert (photo == colour_of(int(pose))).all()
    assert [tuple(photo[0, 0]) for photo in kept.surest] == [colour_of(k) for k in range(NUM_POSES)]
    assert len(kept.seen) == len(kept.part_maps) == len(kept.masks) == 12
    assert set(kept.parts[:2]) == {0, 1}  # before the background
    np.testing.assert_array_equal(kept.part_maps[..., :2].sum(-1), kept.masks)


def test_the_montage_shows_each_pose_by_its_own_photos(tmp_path: Path) -> None:
    draw(tmp_path, SUMMARY)
    pixels = np.asarray(Image.open(tmp_path / "montage.png"))
    tops = []
    for pose in np.argsort(Bank.ring.azimuth):
        rows, _ = np.nonzero((pixels == colour_of(int(pose))).all(axis=-1))
        assert len(rows) == 10 * 96 * 96
        tops.append(rows.min())
    assert tops == sorted(tops)  # in the order of the ring


def test_the_same_seed_draws_the_same_pictures(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        draw(tmp_path / name, SUMMARY | TOLD)
    for path in pose_files(tmp_path / "a"):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_surest_photos_come_first() -> None:
    surest = surest_photos(labels(), NUM_POSES + 1, 2)
    assert [ids.tolist() for ids in surest] == [[36, 32], [37, 33], [38, 34], [39, 35], []]


@pytest.mark.parametrize("num", [1, 16, 33])
def test_photos_are_looked_at_in_batches(num: int) -> None:
    photos = np.random.default_rng(0).integers(0, 256, (num, 32, 32, 3), dtype=np.uint8)
    stand_ins: Any = (Backbone(), Bank())
    seen = look_at(photos, *stand_ins)
    assert seen.part_maps.shape == (num, 8, 8, NUM_PARTS)
    np.testing.assert_array_equal(seen.part_maps[-1].argmax(-1), photos[-1, ::4, ::4].argmax(-1))
