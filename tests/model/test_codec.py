"""Pictures as pixels and as latents of tiny random autoencoders."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import UNet2DModel
from PIL import Image
from skimage import data
from tiny.autoencoders import tiny_deterministic, tiny_kl
from torch import Tensor

from mirage.core.errors import MirageError
from mirage.images.decoding.squares import to_square
from mirage.metrics.views import psnr
from mirage.model.codec import (
    PIXELS,
    Latents,
    Patches,
    downscale,
    encode,
    load_autoencoder,
    shipped_autoencoders,
)


def pictures() -> Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.randint(0, 256, (5, 32, 32, 3), dtype=torch.uint8, generator=generator)


def test_pixels_come_back_to_the_bit() -> None:
    shown = pictures()
    x = PIXELS.load(PIXELS.keep(shown))
    assert x.shape == (5, 3, 32, 32) and x.min() == -1.0 and x.max() == 1.0
    assert torch.equal(PIXELS.show(x), shown)


@pytest.mark.parametrize("make", [tiny_kl, tiny_deterministic])
def test_latents_have_the_scale_asked_for_and_decode_to_what_the_autoencoder_says(
    make: Callable[[], Any],
) -> None:
    autoencoder, shown = make(), pictures()
    assert downscale(autoencoder, 32, "here") == 4
    latents = encode(autoencoder, PIXELS.load(shown))
    mean, std = latents.mean(dim=(0, 2, 3)), latents.std(dim=(0, 2, 3), correction=0)
    codec = Latents(autoencoder, 4, mean.tolist(), std.tolist(), 0.5)
    kept = codec.keep(shown)
    assert kept.dtype == torch.float16 and kept.shape == (5, 8, 8, codec.channels)
    x = codec.load(kept)
    assert x.mean(dim=(0, 2, 3)).abs().max() < 0.01
    assert torch.allclose(x.std(dim=(0, 2, 3), correction=0), torch.tensor(0.5), atol=0.01)
    with torch.no_grad():
        decoded = PIXELS.show(autoencoder.decode(latents).sample)
    again = codec.show(x)
    assert again.shape == shown.shape and again.dtype == torch.uint8
    assert (again.int() - decoded.int()).abs().max() <= 2  # half precision in between
    assert deepcopy(codec) is codec


def test_what_cannot_be_encoded_is_said() -> None:
    with pytest.raises(MirageError, match="cannot be encoded"):
        downscale(torch.nn.Linear(3, 3), 32, "model.autoencoder=x")
    with pytest.raises(MirageError, match="no whole division"):
        downscale(tiny_kl(), 30, "model.autoencoder=x")


def test_an_autoencoder_is_read_from_its_folder(tmp_path: Path) -> None:
    written = tiny_kl()
    written.save_pretrained(tmp_path / "autoencoder")
    read = load_autoencoder(str(tmp_path / "autoencoder"), "here")
    x = PIXELS.load(pictures())
    assert torch.allclose(encode(read, x), encode(written, x), atol=1e-6)
    assert not any(p.requires_grad for p in read.parameters()) and not read.training
    with pytest.raises(MirageError, match="no autoencoder can be read"):
        load_autoencoder(str(tmp_path / "nothing"), "model.autoencoder=nothing")


def test_another_network_is_no_autoencoder(tmp_path: Path) -> None:
    UNet2DModel(
        sample_size=8,
        block_out_channels=(8, 8),
        norm_num_groups=4,
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
    ).save_pretrained(tmp_path)
    with pytest.raises(MirageError, match="cannot be encoded"):
        downscale(load_autoencoder(str(tmp_path), "here"), 32, "here")


def test_the_scale_goes_to_a_device_once_and_serves_training_after_sampling() -> None:
    codec = Latents(tiny_kl(), 4, [0.1] * 4, [2.0] * 4, 0.5)
    with torch.inference_mode():
        scale = codec._scale(torch.device("cpu"))
    assert all(a is b for a, b in zip(codec._scale(torch.device("cpu")), scale, strict=True))
    weight = torch.ones(4, 1, 1, requires_grad=True)
    loaded = codec.load(torch.ones(2, 8, 8, 4, dtype=torch.float16))
    (loaded * weight).sum().backward()  # what is kept of inference cannot be trained through
    assert weight.grad is not None


@pytest.mark.parametrize("name", sorted(shipped_autoencoders()))
def test_one_that_ships_is_read_by_its_name_and_keeps_what_it_never_saw(name: str) -> None:
    """A woman in orange before a flag, and a cup of coffee: scikit-image's, shrunk to 128 px."""
    autoencoder = load_autoencoder(name, "here")
    channels = encode(autoencoder, torch.zeros(1, 3, 128, 128)).shape[1]
    codec = Latents(
        autoencoder, downscale(autoencoder, 128, "here"), [0.0] * channels, [1.0] * channels, 1.0
    )
    photos = np.stack(
        [
            to_square(Image.fromarray(photo), 128, "crop")
            for photo in (data.astronaut(), data.coffee())
        ]
    )
    again = codec.show(codec.load(codec.keep(torch.from_numpy(photos))))
    of_all_things = name.startswith("autoencoder")  # others have seen one kind of object
    assert psnr(again.numpy(), photos).min() > (24 if of_all_things else 20)


def test_a_folder_goes_before_what_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (name, *_) = shipped_autoencoders()
    monkeypatch.chdir(tmp_path)
    tiny_kl().save_pretrained(name)
    assert type(load_autoencoder(name, "here")).__name__ == "AutoencoderKL"


def test_patches_come_back_to_the_bit_and_are_channels_of_one_place() -> None:
    shown = pictures()
    codec = Patches(PIXELS, 2)
    x = codec.load(codec.keep(shown))
    assert x.shape == (5, codec.channels, *codec.grid(32)) == (5, 12, 16, 16)
    assert torch.equal(codec.show(x), shown)
    corner = PIXELS.load(shown)[:, :, :2, :2].flatten(1)
    assert torch.equal(x[:, :, 0, 0], corner)


def test_of_some_rows_the_rest_goes_on_from_them() -> None:
    shown = pictures()
    codec = Patches(PIXELS, 2, (4, 12))
    x = codec.load(codec.keep(shown))
    assert x.shape[2:] == codec.grid(32) == (8, 16)
    again = codec.show(x)
    assert again.shape == shown.shape and torch.equal(again[:, 8:24], shown[:, 8:24])
    assert not torch.equal(again[:, :8], shown[:, :8])


def test_latents_are_cut_into_patches_too() -> None:
    latents = Latents(tiny_deterministic(), 4, [0.0] * 4, [1.0] * 4, 0.5)
    whole, codec = latents.load(latents.keep(pictures())), Patches(latents, 2, (1, 3))
    x = codec.load(codec.keep(pictures()))
    assert x.shape == (5, 4 * latents.channels, 2, 4) and codec.factor == 8
    assert torch.equal(torch.nn.functional.pixel_shuffle(x, 2), whole[:, :, 2:6])
    assert codec.show(x).shape == (5, 32, 32, 3)
