"""The exported folder: loads elsewhere with diffusers alone, and gives the same views."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from processes import PATIENCE
from tiny.autoencoders import tiny_kl
from views_settings import views_config

from mirage.config import ModelConfig
from mirage.core.contracts import PosedPhoto, PoseRing
from mirage.core.errors import MirageError
from mirage.images.decoding.squares import to_square
from mirage.model.codec import Latents, Patches
from mirage.model.denoiser import PoseDenoiser
from mirage.sampler.export import BANK, export_pipeline, load_pipeline, read_fit
from mirage.sampler.orbit import sample_orbit
from mirage.sampler.pipeline import MiragePipeline

MakeDenoiser = Callable[..., PoseDenoiser]
AZIMUTHS = [0.0, 45.0, 200.0]

ELSEWHERE = """
import json, sys
from pathlib import Path
import numpy as np, torch
from diffusers import DiffusionPipeline
assert not any(name.startswith("mirage") for name in sys.modules)
for case in map(Path, sys.argv[1:]):
    for dtype in ("float32", "bfloat16"):
        pipeline = DiffusionPipeline.from_pretrained(
            case / "model", custom_pipeline=str(case / "model"), trust_remote_code=True,
            torch_dtype=getattr(torch, dtype),
        )
        photo = np.load(case / "photo.npy")
        shown = pipeline(photo, 1, azimuths=[0.0, 45.0, 200.0], sampler={"steps": 3}, seed=4)
        np.save(case / f"{dtype}.npy", np.stack([np.asarray(image) for image in shown.images]))
    facts = {"azimuths": shown.azimuths, "poses": shown.poses, "type": type(pipeline).__name__}
    (case / "facts.json").write_text(json.dumps(facts))
"""


@pytest.fixture
def folder(tmp_path: Path, make_denoiser: MakeDenoiser, ring: PoseRing) -> Path:
    (tmp_path / "bank").write_bytes(b"the bank")
    export_pipeline(make_denoiser(), ring, tmp_path / "bank", tmp_path / "model")
    return tmp_path / "model"


def of_latents() -> PoseDenoiser:
    """Of 32-pixel pictures, in latents of a tiny autoencoder."""
    codec = Latents(tiny_kl(), 4, [0.1] * 4, [0.3] * 4, 0.5)
    torch.manual_seed(0)
    config = ModelConfig(channels=[32, 32], attention_levels=[1], layers_per_block=1)
    return PoseDenoiser.build(config, 32, 4, codec).eval()


def in_patches() -> PoseDenoiser:
    codec = Patches(Latents(tiny_kl(), 4, [0.1] * 4, [0.3] * 4, 0.5), 2, (1, 3))
    torch.manual_seed(0)
    config = ModelConfig(channels=[32, 32], attention_levels=[1], layers_per_block=1)
    return PoseDenoiser.build(config, 32, 4, codec).eval()


def test_a_fresh_process_gives_the_same_views(
    tmp_path: Path, make_denoiser: MakeDenoiser, ring: PoseRing, photo: np.ndarray
) -> None:
    cases = {
        tmp_path / "pixels": (make_denoiser(), photo),
        tmp_path / "latents": (of_latents(), photo.repeat(2, axis=0).repeat(2, axis=1)),
        tmp_path / "patches": (in_patches(), photo.repeat(2, axis=0).repeat(2, axis=1)),
    }
    (tmp_path / "bank").write_bytes(b"the bank")
    for case, (denoiser, shown) in cases.items():
        export_pipeline(denoiser, ring, tmp_path / "bank", case / "model")
        np.save(case / "photo.npy", shown)
        read = load_pipeline(case / "model").denoiser
        assert (read.resolution, read.shape) == (denoiser.resolution, denoiser.shape)
    offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hub")}
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, *cases],
        env=os.environ | offline,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    settings, asked = views_config(steps=3, seed=4), np.array(AZIMUTHS)
    for case, (denoiser, shown) in cases.items():
        orbit = sample_orbit(denoiser, ring, [PosedPhoto(shown, 1, 90.0)], asked, settings)
        same = np.load(case / "float32.npy").astype(int) - orbit.frames
        assert np.abs(same).max() <= 1  # up to rounding
        rough = np.load(case / "bfloat16.npy").astype(int) - orbit.frames
        assert 0 < np.abs(rough).mean() < 12
        facts = json.loads((case / "facts.json").read_text())
        assert (facts["azimuths"], facts["poses"]) == (AZIMUTHS, orbit.pose.tolist())
        assert facts["type"] == "MiragePipeline"


def test_the_folder_holds_what_the_model_needs_and_nothing_half_written(
    tmp_path: Path, folder: Path, make_denoiser: MakeDenoiser, ring: PoseRing
) -> None:
    assert (folder / BANK).read_bytes() == b"the bank"
    assert (folder / "pipeline.py").exists() and (folder / "model_index.json").exists()
    (folder / "stale").touch()
    export_pipeline(make_denoiser(seed=1), ring, tmp_path / "bank", folder)  # over the old one
    assert not (folder / "stale").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bank", "model"]
    weights = load_pipeline(folder).unet.conv_in.weight
    assert torch.equal(weights, make_denoiser(seed=1).unet.conv_in.weight)


def test_loading_gives_back_the_ring_and_the_weights(
    folder: Path, make_denoiser: MakeDenoiser, ring: PoseRing
) -> None:
    pipeline = load_pipeline(folder)
    assert pipeline.ring.azimuth.tolist() == ring.azimuth.tolist()
    assert pipeline.ring.score == ring.score
    loaded, original = pipeline.denoiser, make_denoiser()
    assert loaded.sigma_data == original.sigma_data and not loaded.training
    for name, value in original.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value)


def test_a_reduced_precision_export_is_half_the_size_and_loads(
    tmp_path: Path, folder: Path, make_denoiser: MakeDenoiser, ring: PoseRing, photo: np.ndarray
) -> None:
    small, denoiser = tmp_path / "small", make_denoiser()
    export_pipeline(denoiser, ring, tmp_path / "bank", small, dtype=torch.bfloat16)
    assert denoiser.unet.dtype == torch.float32  # the caller's own weights stay as they were
    weights = "unet/diffusion_pytorch_model.safetensors"
    assert (small / weights).stat().st_size < 0.55 * (folder / weights).stat().st_size
    pipeline = load_pipeline(small)
    assert pipeline.unet.dtype == torch.float32
    rounded = denoiser.unet.conv_in.weight.to(torch.bfloat16).float()
    assert torch.equal(pipeline.unet.conv_in.weight, rounded)
    assert len(pipeline(photo, 0, azimuths=2, sampler={"steps": 2}).images) == 2


@pytest.fixture
def pipeline(make_denoiser: MakeDenoiser, ring: PoseRing) -> MiragePipeline:
    denoiser = make_denoiser()
    return MiragePipeline(
        denoiser.unet, denoiser.embedding, denoiser.sigma_data, ring.azimuth.tolist(), ring.score
    )


def test_no_path_of_this_machine_travels_with_it(
    tmp_path: Path, folder: Path, ring: PoseRing
) -> None:
    """Also where it was read from a folder before, as for shipping."""
    again = tmp_path / "again"
    export_pipeline(load_pipeline(folder).denoiser, ring, tmp_path / "bank", again)
    told = "".join(path.read_text() for path in again.rglob("*.json"))
    assert str(tmp_path) not in told


def test_photos_of_any_size_are_taken(pipeline: MiragePipeline, photo: np.ndarray) -> None:
    large = Image.fromarray(photo).convert("RGBA").resize((50, 50))
    shown = pipeline(large, 2, azimuths=3, sampler={"steps": 2})
    assert [image.size for image in shown.images] == [(16, 16)] * 3
    assert shown.azimuths == [180.0, 300.0, 60.0]  # from the photo's own, that of pose 2


def test_the_references_azimuth_is_its_poses_unless_said(
    pipeline: MiragePipeline, photo: np.ndarray
) -> None:
    def first(azimuth: float | None) -> np.ndarray:
        shown = pipeline(photo, 1, reference_azimuth=azimuth, azimuths=[10.0], sampler={"steps": 3})
        return np.asarray(shown.images[0])

    assert np.array_equal(first(None), first(90.0))
    assert not np.array_equal(first(None), first(200.0))


@pytest.mark.parametrize("fit", ["crop", "stretch", "pad", None])
def test_photos_become_squares_as_the_training_photos_did(
    tmp_path: Path,
    folder: Path,
    make_denoiser: MakeDenoiser,
    ring: PoseRing,
    photo: np.ndarray,
    fit: str | None,
) -> None:
    """None stands for folders of before `fit` was kept in them."""
    if fit is None:
        facts = json.loads((folder / "model_index.json").read_text())
        del facts["fit"]
        (folder / "model_index.json").write_text(json.dumps(facts))
    else:
        export_pipeline(make_denoiser(), ring, tmp_path / "bank", folder, fit)
    assert read_fit(folder) == (fit or "pad")
    pipeline, wide = load_pipeline(folder), photo.repeat(3, axis=1)
    square = to_square(Image.fromarray(wide), 16, fit or "pad")
    given, expected = (
        np.stack(
            [
                np.asarray(image)
                for image in pipeline(of, 1, azimuths=2, sampler={"steps": 2}).images
            ]
        )
        for of in (wide, square)
    )
    assert np.array_equal(given, expected)
    others = {"crop", "stretch", "pad"} - {fit or "pad"}
    assert all((to_square(Image.fromarray(wide), 16, other) != square).any() for other in others)


@pytest.mark.parametrize("pose", [4, -1])
def test_a_pose_that_does_not_exist_is_refused(
    pipeline: MiragePipeline, photo: np.ndarray, pose: int
) -> None:
    with pytest.raises(MirageError, match="0 to 3"):
        pipeline(photo, pose)


def test_bad_settings_and_photos_are_refused_in_words(
    pipeline: MiragePipeline, photo: np.ndarray
) -> None:
    with pytest.raises(MirageError, match="medium"):
        pipeline(photo, 0, mode="medium")
    with pytest.raises(MirageError, match="stepps"):
        pipeline(photo, 0, stepps=3)


@pytest.mark.parametrize("lost", ["model_index.json", "unet/config.json", "embedding"])
def test_a_damaged_folder_is_refused_in_words(folder: Path, lost: str) -> None:
    (folder / lost).rename(folder / "elsewhere")
    with pytest.raises(MirageError, match="no trained model") as caught:
        load_pipeline(folder)
    assert caught.value.where == str(folder)


def test_weights_cut_short_are_refused_in_words(folder: Path) -> None:
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(MirageError, match="no trained model"):
        load_pipeline(folder)
