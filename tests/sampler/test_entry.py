"""Which way the reference enters: by how well it comes back, and as it was told."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from mirage.config import ViewsConfig
from mirage.errors import MirageError
from mirage.sampler.entry import enter_reference, reconstruction_psnr
from mirage.sampler.reference import FixedNoise, Path
from mirage.sampler.schedule import karras_sigmas

SIGMAS = karras_sigmas(10, 0.02, 20.0, 7.0)


def gaussian_denoiser(x: Tensor, sigma: Tensor) -> Tensor:
    return x * 0.25 / (0.25 + sigma**2)


def draws() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    image = torch.rand(1, 3, 4, 4, generator=generator) * 2 - 1
    return image, torch.randn(1, 3, 4, 4, generator=generator)


def config(path: str) -> ViewsConfig:
    return ViewsConfig(reference_path=path)


def test_auto_takes_what_brings_the_photo_back() -> None:
    track, entry = enter_reference(gaussian_denoiser, *draws(), SIGMAS, config("auto"))
    assert isinstance(track, Path) and entry.path == "inversion"
    assert entry.psnr["inversion"] > entry.psnr["fixed_noise"] + 10


def test_auto_falls_back_where_inversion_runs_away() -> None:
    """A network that answers only a photo's true noise: off its track, no number comes out."""
    image, noise = draws()

    def brittle(x: Tensor, sigma: Tensor) -> Tensor:
        near = (x - image - sigma * noise).abs().max() < 1e-2 * sigma
        return image.clone() if near else torch.full_like(x, math.nan)

    track, entry = enter_reference(brittle, image, noise, SIGMAS, config("auto"))
    assert isinstance(track, FixedNoise) and entry.path == "fixed_noise"
    assert entry.psnr["fixed_noise"] > 50 > entry.psnr["inversion"]
    assert all(math.isfinite(value) for value in entry.psnr.values())  # JSON knows no NaN


@pytest.mark.parametrize(("path", "kind"), [("inversion", Path), ("fixed_noise", FixedNoise)])
def test_what_is_asked_for_is_taken_and_nothing_compared(path: str, kind: type) -> None:
    track, entry = enter_reference(gaussian_denoiser, *draws(), SIGMAS, config(path))
    assert isinstance(track, kind) and entry.path == path and entry.psnr == {}


def test_psnr_is_over_the_range_of_the_model() -> None:
    image, noise = draws()
    off = image.sign() * (image.abs() - 0.1)  # a tenth nearer to grey: inside the range

    psnr = reconstruction_psnr(
        lambda x, _: off.expand_as(x), FixedNoise(image, noise), image, SIGMAS, "euler"
    )
    assert psnr == pytest.approx(10 * math.log10(4 / 0.1**2), abs=0.01)


def test_an_unknown_path_is_refused() -> None:
    with pytest.raises(MirageError, match="not a choice"):
        config("magic")
