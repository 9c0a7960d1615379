"""mirage autoencoder: trained, measured, skipped, resumed, and taken by a model of latents."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoModel
from PIL import Image
from tiny_runs import mirage

from datamodules.crops import CropBatches
from mirage.experiment import load_config
from mirage.stages.folder import read_json
from mirage.stages.learn.latents import identify_autoencoder, open_codec

TINY = [
    "autoencoder.size=16", "autoencoder.crop=8", "autoencoder.channels=[8,8]",
    "autoencoder.layers=[1,1]", "autoencoder.batch_size=4", "autoencoder.steps=6",
    "autoencoder.warmup_steps=1", "autoencoder.validate_every=3",
    "autoencoder.checkpoint_minutes=0",
]  # fmt: skip


@pytest.fixture(scope="module")
def run(posed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny run with an autoencoder that learned another's photos, too."""
    folder = tmp_path_factory.mktemp("autoencoder")
    copies = [_copy(posed, folder / name) for name in ("run", "other")]
    others = f"autoencoder.others=[{copies[1]}]"
    assert mirage("autoencoder", f"run={copies[0]}", others, *TINY) == 0
    return copies[0]


def _copy(posed: Path, target: Path) -> Path:
    target.mkdir()
    shutil.copy(posed / "config.yaml", target)
    shutil.copytree(posed / "images", target / "images")
    return target


def _weights(run: Path) -> dict[str, torch.Tensor]:
    model = str(run / "autoencoder" / "model")
    return dict(AutoModel.from_pretrained(model, low_cpu_mem_usage=False).state_dict())


def test_what_it_writes_is_measured_and_read_by_diffusers(run: Path) -> None:
    where = run / "autoencoder"
    rows = read_json(where / "figures.json")["rows"]
    assert [row["photos"].split()[-1] for row in rows] == ["run", "numbers", "other"]
    assert all({"psnr", "ssim", "feature_distance"} <= set(row) for row in rows)
    assert rows[0]["psnr"] == rows[2]["psnr"] != rows[1]["psnr"]  # the same photos
    picture = Image.open(where / "reconstructions.png")
    assert min(picture.size) > 300
    autoencoder = AutoModel.from_pretrained(str(where / "model"), low_cpu_mem_usage=False)
    assert autoencoder.encode(torch.zeros(1, 3, 16, 16)).latent.shape == (1, 4, 4, 4)
    losses = (where / "metrics.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in losses if line.split(",")[2]][1:] == ["3", "6"]


def test_done_it_does_nothing_and_a_question_of_measuring_trains_nothing(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [run / "autoencoder" / name for name in ("last.ckpt", "figures.json")]
    times = [file.stat().st_mtime_ns for file in files]
    assert mirage("autoencoder", f"run={run}") == 0
    assert "dB held out" in capsys.readouterr().out
    assert [file.stat().st_mtime_ns for file in files] == times
    assert mirage("autoencoder", f"run={run}", "backbone.size=96") == 0
    again = [file.stat().st_mtime_ns for file in files]
    assert again[0] == times[0] and again[1] != times[1]


class KilledError(Exception):
    """Stands in for a process that is gone."""


def _fetching(stops: Callable[[int], bool], steps: list[int]) -> Any:
    fetch = CropBatches.fetch

    def look(self: CropBatches, step: int) -> torch.Tensor:
        steps.append(step)
        if stops(step):
            raise KilledError
        return fetch(self, step)

    return look


def test_a_killed_training_goes_on_and_equals_one_that_was_not(
    posed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight, killed = (_copy(posed, tmp_path / name) for name in ("straight", "killed"))
    assert mirage("autoencoder", f"run={straight}", *TINY) == 0
    steps: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(CropBatches, "fetch", _fetching(lambda step: step == 4, steps))
        with pytest.raises(KilledError):
            mirage_raising("autoencoder", f"run={killed}", *TINY)
    assert not (killed / "autoencoder" / "model").exists()
    with monkeypatch.context() as patch:
        patch.setattr(CropBatches, "fetch", _fetching(lambda step: False, steps))
        assert mirage("autoencoder", f"run={killed}", *TINY) == 0
    assert steps == [0, 1, 2, 3, 4, 4, 5]
    one, other = _weights(straight), _weights(killed)
    for name, value in one.items():
        torch.testing.assert_close(value, other[name], msg=name)


def mirage_raising(*words: str) -> None:
    from mirage.cli import run_command

    run_command(words[0], load_config(words[1:]))


def test_other_settings_begin_anew_and_the_former_training_is_kept(
    run: Path, tmp_path: Path
) -> None:
    copy = _copy(run, tmp_path / "copy")
    shutil.copytree(run / "autoencoder", copy / "autoencoder")
    assert mirage("autoencoder", f"run={copy}", "autoencoder.noise=0.5") == 0
    assert (copy / "autoencoder.before-1" / "model" / "config.json").exists()
    one, other = _weights(run), _weights(copy)
    assert any(not torch.equal(value, other[name]) for name, value in one.items())


def test_a_model_is_trained_on_its_latents(run: Path) -> None:
    name = str(run / "autoencoder" / "model")
    config = load_config([f"run={run}", f"model.autoencoder={name}"])
    codec = open_codec(config)
    photos = torch.from_numpy(np.zeros((2, 16, 16, 3), np.uint8))
    assert codec.factor == 4 and codec.keep(photos).shape == (2, 4, 4, 4)
    before = identify_autoencoder(config.model)
    figures = run / "autoencoder" / "figures.json"
    figures.write_text(figures.read_text() + " ")
    assert identify_autoencoder(config.model) == before  # measuring it changes no training


def test_without_the_backbones_weights_the_rest_is_measured(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    words = ["backbone=effnet_lite", "backbone.weights=/no/such/file"]
    assert mirage("autoencoder", f"run={run}", *words) == 0
    assert "feature distance is not measured" in capsys.readouterr().out
    (row, *_) = read_json(run / "autoencoder" / "figures.json")["rows"]
    assert "psnr" in row and "feature_distance" not in row


def test_a_run_without_photos_among_the_others_is_told(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mirage("autoencoder", f"run={run}", f"autoencoder.others=[{tmp_path}]") == 1
    assert "mirage images" in capsys.readouterr().err
