"""Photos read on a GPU: features, poses from the bank, and the figures of an evaluation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from synthetic.photos import MadeUpImages, labels_of
from views_settings import views_config
from virtual_gpu import Tally, VirtualGPU, to_numpy

from mirage.config import Config, ModelConfig
from mirage.core.contracts import PosedPhoto
from mirage.evaluation import view_figures
from mirage.evaluation.view_cases import Case
from mirage.features.backbone import Backbone, load_backbone
from mirage.features.extract import extract_features
from mirage.generation.pretrained import shipped
from mirage.generation.references import Reference
from mirage.generation.view_generator import ViewGenerator
from mirage.model.denoiser import PoseDenoiser
from mirage.poses.bank import PoseBank
from mirage.poses.bank_file import load_bank
from mirage.sampler.export import BANK

pytestmark = pytest.mark.virtual_gpu


@pytest.fixture(scope="module")
def bank() -> PoseBank:
    found = load_bank(shipped()["turntable_cars"] / BANK)
    return replace(found, backbone=replace(found.backbone, size=64, precision="fp32"))


@pytest.fixture
def photos() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (6, 64, 64, 3), dtype=np.uint8)


def check_batches(tally: Tally, batches: int, syncs: int, uploads: int) -> None:
    """Fails where reading so many batches of photos costs more than so many of each a batch."""
    assert tally.num_operations > 0
    assert tally.num_syncs <= syncs * batches, f"{tally}"
    assert tally.num_uploads <= uploads * batches, f"{tally}"


def read(backbone: Backbone, photos: np.ndarray) -> list[torch.Tensor]:
    parts = [(np.arange(2), part) for part in np.split(photos, 3)]
    return [features for _, features in extract_features(parts, backbone)]


def test_features(gpu: VirtualGPU, bank: PoseBank, photos: np.ndarray) -> None:
    """The photos go there, and nothing comes back until somebody asks."""
    backbone = load_backbone(bank.backbone, "cuda")
    with gpu.count() as tally:
        features = read(backbone, photos)
    check_batches(tally, 3, syncs=0, uploads=1)
    assert all(part.is_cuda for part in features)
    own = load_backbone(bank.backbone, "cpu")(photos)
    np.testing.assert_allclose(
        np.concatenate(list(map(to_numpy, features))), to_numpy(own), atol=1e-3
    )


def test_features_that_wait_are_found(
    gpu: VirtualGPU, bank: PoseBank, photos: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    backbone = load_backbone(bank.backbone, "cuda")
    maps = backbone._feature_maps

    def waiting(pixels: torch.Tensor) -> list[torch.Tensor]:
        assert pixels.isfinite().all()
        return maps(pixels)

    monkeypatch.setattr(backbone, "_feature_maps", waiting)
    with gpu.count() as tally:
        read(backbone, photos)
    with pytest.raises(AssertionError, match=r"test_reading\.py:\d+: item"):
        check_batches(tally, 3, syncs=0, uploads=1)


def test_poses(gpu: VirtualGPU, bank: PoseBank, photos: np.ndarray) -> None:
    """Descriptors come back once a batch; clusters and circle are read on the host."""
    features = torch.from_numpy(to_numpy(load_backbone(bank.backbone, "cpu")(photos)))
    own, there = bank.assign(features), features.to("cuda")
    with gpu.count() as tally:
        found = bank.assign(there)
    check_batches(tally, 1, syncs=1, uploads=4)
    assert np.array_equal(found.pose, own.pose)
    np.testing.assert_allclose(found.azimuth, own.azimuth, atol=0.1)
    np.testing.assert_allclose(bank.part_mass(there), bank.part_mass(features), rtol=1e-3)
    assert bank.masks(there).is_cuda


AZIMUTHS = np.array([0.0, 120.0])
MODEL = ModelConfig(channels=[32, 32], attention_levels=[1], layers_per_block=1)


def measured(device: str, bank: PoseBank) -> dict[str, Any]:
    """The figures of two objects turned by a network of random weights."""
    draw = np.random.default_rng(3).integers
    images = MadeUpImages(draw(0, 256, (12, 3)).tolist(), held_out=4)
    labels = labels_of(np.arange(12) % 4)
    photos = view_figures.RunPhotos(images, labels)  # type: ignore[arg-type]
    torch.manual_seed(0)
    denoiser = PoseDenoiser.build(MODEL, 16, bank.num_poses).eval()
    backbone = load_backbone(bank.backbone, device)
    generator = ViewGenerator(denoiser.to(device), bank, backbone, "cover")
    cases = []
    for name in "ab":
        photo, truth = (draw(0, 256, (n, 16, 16, 3), dtype=np.uint8) for n in (1, 2))
        shown = Reference(name, name, (PosedPhoto(photo[0], 1, 90.0),), 1.0, False)
        cases.append(Case(shown, truth))
    views = views_config(steps=2, noise="fixed")
    rows = {"soft": replace(Config(), views=views)}
    return view_figures.measure_views(rows, [], photos, generator, cases, AZIMUTHS, 0)


def test_the_figures_of_an_evaluation(gpu: VirtualGPU, bank: PoseBank) -> None:
    with gpu.count() as tally:
        found = measured("cuda", bank)
    lines = {line.split(":")[0] for line in tally.syncs}
    assert lines <= {
        "src/mirage/sampler/orbit.py",
        "src/mirage/poses/description/descriptor.py",
        "src/mirage/metrics/views.py",
        "src/mirage/generation/cost.py",
        "src/mirage/generation/view_reader.py",
    }, f"{tally}"
    own = measured("cpu", bank)
    assert [row["mode"] for row in found["views"]] == [row["mode"] for row in own["views"]]
    for row, expected in zip(found["views"], own["views"], strict=True):
        for name in ("target_pose_accuracy", "psnr", "ssim", "feature_distance", "fd"):
            if name in expected:
                assert row[name] == pytest.approx(expected[name], rel=0.05, abs=0.02), name
