"""Photos that are refused: what is said of them, and when they pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mirage.config import BackboneConfig
from mirage.core.contracts import ByteArray, FloatArray, Framing, PoseLabels, PoseRing
from mirage.core.errors import MirageError
from mirage.generation import checks as refuse
from mirage.generation.checks import Judge, RefusedPictures
from mirage.runs.folder import RunFolder

SIDE = 32
SQUARE = np.zeros((SIDE, SIDE, 3), np.uint8)


class Backbone:
    """Patches are 4 pixels square, of the photo's red."""

    config, size = BackboneConfig(name="effnet_lite", batch_size=4), SIDE

    def __call__(self, photos: ByteArray) -> torch.Tensor:
        return torch.as_tensor(photos[:, ::4, ::4, :1].copy()).float()


class Bank:
    """Red is the object."""

    ring = PoseRing(np.array([0.0, 90.0, 180.0, 270.0]), 0.9)

    def masks(self, features: torch.Tensor) -> torch.Tensor:
        return features[..., 0] / 255.0


BANK: Any = Bank()


def pictures_in(folder: Path) -> RefusedPictures:
    images: Any = None
    backbone: Any = Backbone()
    return RefusedPictures(RunFolder(folder), images, backbone, BANK)


class Explainer:
    """Stands in for the drawing: leaves an empty file."""

    def __init__(self, *_: Any) -> None: ...

    def compare(self, where: Path, name: str, photo: ByteArray, labels: PoseLabels) -> Path:
        where.parent.mkdir(parents=True, exist_ok=True)
        where.touch()
        return where


def labels(confidence: float = 0.9, outlier: bool = False) -> PoseLabels:
    weight = np.array([[0.6, 0.3, 0.1]])
    return PoseLabels(
        np.array([2]),
        np.array([confidence]),
        np.array([175.0]),
        np.array([[2, 1, 3]]),
        weight,
        np.array([outlier]),
    )


def mask(cut: bool = False) -> FloatArray:
    found = np.zeros((8, 8))
    found[2:6, 2:6] = 1.0
    if cut:
        found[:, :5] = 1.0
    return found


@pytest.fixture
def judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(refuse, "Explainer", Explainer)

    def make(border: float = 0.0) -> Judge:
        return Judge(BANK, "pad", Framing(border_share=border), pictures_in(tmp_path))

    return make


@pytest.mark.parametrize(
    ("found", "shown", "says"),
    [
        (labels(outlier=True), mask(), "another object"),
        (labels(), mask(cut=True), "57% of the border"),
        (labels(confidence=0.01), mask(), "confidence 0.01"),
    ],
)
def test_each_fault_is_said_with_the_nearest_poses_and_a_picture(
    judge: Any, tmp_path: Path, found: PoseLabels, shown: FloatArray, says: str
) -> None:
    with pytest.raises(MirageError, match=says) as caught:
        judge().check("a/car.jpg", (SIDE, SIDE), SQUARE, found, shown)
    error = caught.value
    assert "2 (180°), 1 (90°), 3 (270°)" in error.what and "a/car.jpg" in error.what
    assert error.what.count(";") == 1  # that fault alone
    assert "reference_pose=2" in error.todo
    picture = Path(error.where)
    assert picture.exists() and picture.parent == tmp_path / "views"
    pictures_in(tmp_path).clear("a/car.jpg")
    assert not picture.exists()


def test_where_nothing_is_known_of_photos_none_is_cut_off_and_none_drawn() -> None:
    judge = Judge(BANK, "pad", Framing())
    judge.check("car.jpg", (SIDE, SIDE), SQUARE, labels(), mask(cut=True))
    with pytest.raises(MirageError, match="another object") as caught:
        judge.check("car.jpg", (SIDE, SIDE), SQUARE, labels(outlier=True), mask())
    assert caught.value.where == "car.jpg"
    assert caught.value.todo == "insist, as in reference_pose=2, or give another photo"


def test_a_good_photo_passes(judge: Any, tmp_path: Path) -> None:
    judge().check("car.jpg", (SIDE, SIDE), SQUARE, labels(), mask())
    assert not list(tmp_path.iterdir())


def test_tight_crops_pass_where_the_runs_own_photos_are_as_tight(judge: Any) -> None:
    judge(border=1.0).check("car.jpg", (SIDE, SIDE), SQUARE, labels(), mask(cut=True))
    with pytest.raises(MirageError, match="cut off"):
        judge(border=0.1).check("car.jpg", (SIDE, SIDE), SQUARE, labels(), mask(cut=True))
