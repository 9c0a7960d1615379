"""mirage autoencoder: trained, measured, skipped, resumed, and taken by a model of latents."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoModel
from PIL import Image
from tiny.runs import TINY_AUTOENCODER, mirage

from mirage.commands.running import run_command
from mirage.commands.stages import autoencoder as stage
from mirage.config import ModelConfig
from mirage.config.load import load_config
from mirage.core.errors import MirageError
from mirage.datamodules.crops import CropBatches
from mirage.images.image_set import open_images
from mirage.runs.folder import RunFolder, read_json
from mirage.training.framed import open_framed
from mirage.training.latents import identify_autoencoder, open_codec


@pytest.fixture(scope="module")
def run(posed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny run with an autoencoder that learned another's photos, too."""
    folder = tmp_path_factory.mktemp("autoencoder")
    copies = [_copy(posed, folder / name) for name in ("run", "other")]
    others = f"autoencoder.others=[{copies[1]}]"
    assert mirage("autoencoder", f"run={copies[0]}", others, *TINY_AUTOENCODER) == 0
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
    assert [line.split(",")[0] for line in losses if line.split(",")[2]][1:] == ["5", "10"]


def test_done_it_does_nothing_and_measuring_anew_trains_nothing(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [run / "autoencoder" / name for name in ("last.ckpt", "figures.json")]
    times = [file.stat().st_mtime_ns for file in files]
    assert mirage("autoencoder", f"run={run}") == 0
    assert "dB held out" in capsys.readouterr().out
    assert [file.stat().st_mtime_ns for file in files] == times
    before = identify_autoencoder(ModelConfig(autoencoder=str(run / "autoencoder" / "model")))
    assert mirage("autoencoder", f"run={run}", "backbone.weights=/no/such/file") == 0
    assert "feature distance is not measured" in capsys.readouterr().err
    (row, *_) = read_json(files[1])["rows"]
    assert "psnr" in row and "feature_distance" not in row
    assert files[0].stat().st_mtime_ns == times[0]
    after = identify_autoencoder(ModelConfig(autoencoder=str(run / "autoencoder" / "model")))
    assert after == before  # nor a model that is trained on its latents


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


def test_stopped_it_goes_on_and_with_other_settings_it_begins_anew(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what it becomes is what it would have become; what there was before is kept."""
    copy, steps = _copy(run, tmp_path / "copy"), list[int]()
    monkeypatch.setattr(stage, "_backbone", lambda config: None)
    with monkeypatch.context() as patch:
        patch.setattr(CropBatches, "fetch", _fetching(lambda step: step == 4, steps))
        with pytest.raises(KilledError):
            run_command("autoencoder", load_config([f"run={copy}"]))
    assert not (copy / "autoencoder" / "model").exists()
    with monkeypatch.context() as patch:
        patch.setattr(CropBatches, "fetch", _fetching(lambda step: False, steps))
        assert mirage("autoencoder", f"run={copy}") == 0
    assert steps == [*range(5), *range(4, 10)]
    for name, value in _weights(run).items():
        torch.testing.assert_close(value, _weights(copy)[name], msg=name)
    assert mirage("autoencoder", f"run={copy}", "autoencoder.noise=0.5") == 0
    assert (copy / "autoencoder.before-1" / "model" / "config.json").exists()
    assert any(not torch.equal(v, _weights(copy)[name]) for name, v in _weights(run).items())


def test_a_model_is_trained_on_its_latents(run: Path) -> None:
    name = str(run / "autoencoder" / "model")
    config = load_config([f"run={run}", f"model.autoencoder={name}"])
    codec = open_codec(config)
    photos = torch.from_numpy(np.zeros((2, 16, 16, 3), np.uint8))
    assert codec.factor == 4 and codec.keep(photos).shape == (2, 4, 4, 4)


def test_a_run_without_photos_among_the_others_is_told(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mirage("autoencoder", f"run={run}", f"autoencoder.others=[{tmp_path}]") == 1
    assert "mirage images" in capsys.readouterr().err


def test_begun_from_another_it_keeps_the_latents_and_is_another(run: Path, tmp_path: Path) -> None:
    copy, start = _copy(run, tmp_path / "copy"), run / "autoencoder" / "model"
    begin = ["autoencoder.others=[]", f"autoencoder.start={start}"]
    assert mirage("autoencoder", f"run={copy}", *begin, *TINY_AUTOENCODER) == 0
    before, after = _weights(run), _weights(copy)
    same = {name for name in before if torch.equal(before[name], after[name])}
    encoder = {name for name in before if name.startswith("encoder.")}
    assert same == encoder and len(before) > len(encoder)
    assert str(run) not in (copy / "autoencoder" / "model" / "config.json").read_text()


def test_framed_it_learns_the_photos_as_a_model_of_the_run_sees_them(
    posed: Path, tmp_path: Path
) -> None:
    copy = _copy(posed, tmp_path / "copy")
    config = load_config([f"run={copy}", *TINY_AUTOENCODER, "autoencoder.framed=true"])
    # As if its renders were photos, which frames are for.
    config = replace(config, images=replace(config.images, source="folder", frame="height"))
    with pytest.raises(MirageError, match="mirage poses"):
        stage.gather_photos(config, [RunFolder(copy)])
    shutil.copytree(posed / "poses", copy / "poses")
    (learned,) = stage.gather_photos(config, [RunFolder(copy)])
    images, framing = open_framed(config, RunFolder(copy))
    assert framing.target is not None
    (rows, framed), *_ = images.batches(learned.train, config.autoencoder.size, 512)
    assert np.array_equal(learned.pixels[rows], framed)
    (_, whole), *_ = open_images(copy / "images").batches(rows, config.autoencoder.size, 512)
    assert not np.array_equal(whole, framed)


def test_one_to_begin_from_that_is_not_there_is_told(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = _copy(run, tmp_path / "copy")
    nowhere = ["autoencoder.others=[]", "autoencoder.start=nowhere/model"]
    assert mirage("autoencoder", f"run={copy}", *nowhere) == 1
    assert "autoencoder.start=nowhere/model" in capsys.readouterr().err
