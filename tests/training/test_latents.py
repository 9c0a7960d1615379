"""What was made with one autoencoder is not taken for another's."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from synthetic.photos import MadeUpImages
from tiny.autoencoders import tiny_kl

from mirage.commands.stages.train import identify
from mirage.config import Config, ModelConfig
from mirage.training import latents
from mirage.training.latents import identify_autoencoder, keep_latents


def save_autoencoder(folder: Path, scale: float = 1.0) -> None:
    autoencoder = tiny_kl()
    with torch.no_grad():
        autoencoder.quant_conv.weight *= scale
    autoencoder.save_pretrained(folder)


def config_with(autoencoder: str | None) -> Config:
    config = Config()
    model = replace(config.model, autoencoder=autoencoder, channels=[32, 64, 64])
    return replace(config, model=model, data=replace(config.data, resolution=32))


@pytest.mark.parametrize("name", [None, "someone/autoencoder"])
def test_what_is_no_folder_is_known_by_its_name(name: str | None) -> None:
    model = ModelConfig(autoencoder=name)
    assert identify_autoencoder(model) == model


def test_an_autoencoder_saved_in_the_place_of_another_is_noticed(tmp_path: Path) -> None:
    save_autoencoder(tmp_path / "vae")
    config = config_with(str(tmp_path / "vae"))
    images = MadeUpImages([(10 * i, 200, 5 * i) for i in range(10)], held_out=2)

    def look() -> tuple[str, torch.Tensor]:
        where = tmp_path / "images"
        _, kept, _ = keep_latents(config, images, where, "some photos")  # type: ignore[arg-type]
        return identify(config, "some poses"), torch.from_numpy(kept.copy())

    training, latents = look()
    assert look()[0] == training
    save_autoencoder(tmp_path / "vae", scale=2.0)
    other_training, other_latents = look()
    assert other_training != training
    assert (other_latents - latents).abs().max() > 0.1


def test_an_autoencoder_that_is_touched_or_moved_is_the_same(tmp_path: Path) -> None:
    save_autoencoder(tmp_path / "vae")
    before = identify(config_with(str(tmp_path / "vae")), "some poses")
    for file in (tmp_path / "vae").iterdir():
        os.utime(file, (1, 1))
    (tmp_path / "vae" / ".DS_Store").touch()
    (tmp_path / "vae").rename(tmp_path / "moved")
    assert identify(config_with(str(tmp_path / "moved")), "some poses") == before


def test_one_that_ships_is_known_by_its_weights_wherever_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a run goes on where the package was installed anew, and not where its weights changed."""
    model = ModelConfig(autoencoder="ours")
    for folder, scale in (("one", 1.0), ("same", 1.0), ("other", 2.0)):
        save_autoencoder(tmp_path / folder / "ours", scale)

    def identified(folder: str) -> ModelConfig:
        known = {"ours": tmp_path / folder / "ours"}
        monkeypatch.setattr(latents, "shipped_autoencoders", lambda: known)
        return identify_autoencoder(model)

    assert identified("one") == identified("same") != identified("other")
    assert identified("one") != model
