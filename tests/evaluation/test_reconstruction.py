"""How well an autoencoder keeps photos, and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from synthetic.photos import MadeUpBackbone
from tiny.autoencoders import tiny_deterministic, tiny_kl

from mirage.evaluation.reconstruction import (
    draw_reconstructions,
    figures_of,
    plain_codec,
    shrink,
    table_of,
    through_codec,
)
from mirage.metrics.views import psnr

PHOTOS = np.random.default_rng(0).integers(0, 256, (9, 32, 32, 3), dtype=np.uint8)


@pytest.mark.parametrize("make", [tiny_kl, tiny_deterministic])
def test_photos_go_through_the_latents_and_back(make) -> None:  # type: ignore[no-untyped-def]
    autoencoder = make()
    codec = plain_codec(autoencoder, 32, "here")
    assert codec.factor == 4 and codec.channels == 4
    again = through_codec(codec, PHOTOS)
    assert again.shape == PHOTOS.shape and again.dtype == np.uint8
    pictures = torch.from_numpy(PHOTOS).permute(0, 3, 1, 2) / 127.5 - 1
    with torch.no_grad():
        encoded = autoencoder.encode(pictures)
        latents = encoded.latents if hasattr(encoded, "latents") else encoded.latent_dist.mode()
        expected = ((autoencoder.decode(latents).sample.clamp(-1, 1) + 1) * 127.5).round()
    np.testing.assert_allclose(again, expected.permute(0, 2, 3, 1), atol=1)


def test_figures_are_means_over_photos_with_intervals() -> None:
    again = PHOTOS.copy()
    again[:, :16] //= 2
    figures = figures_of(PHOTOS, again, MadeUpBackbone())  # type: ignore[arg-type]
    assert figures["psnr"] == pytest.approx(psnr(again, PHOTOS).mean())
    assert figures["intervals"]["psnr"]["low"] <= figures["psnr"]
    assert 0 < figures["feature_distance"] < 4 and 0 < figures["ssim"] < 1
    same = figures_of(PHOTOS, PHOTOS, MadeUpBackbone())  # type: ignore[arg-type]
    assert same["ssim"] == pytest.approx(1) and same["feature_distance"] == pytest.approx(0)


def test_without_a_backbone_or_intervals_the_rest_is_told() -> None:
    figures = figures_of(PHOTOS[:1], PHOTOS[:1] // 2, None)
    assert set(figures) == {"psnr", "ssim"}
    table = table_of([{"photos": "one", "count": 1} | figures], 32)
    assert table.columns == ["photos", "count", "PSNR, dB ↑", "SSIM ↑"]
    assert table.rows[0][:2] == ["one", 1] and "[" not in str(table.rows[0][2])


def test_shrunk_photos_hold_as_many_numbers_as_latents() -> None:
    """Three channels of a quarter of the side are 3/16 of a number a pixel; four are a little more.

    A photo that is smooth on that scale comes back, noise does not.
    """
    codec = plain_codec(tiny_kl(), 32, "here")
    slope = np.broadcast_to(np.arange(32, dtype=np.uint8)[:, None, None] * 8, (32, 32, 3))
    smooth, rough = shrink(np.stack([slope, PHOTOS[0]]), codec)
    assert psnr(smooth, slope) > 35 and psnr(rough, PHOTOS[0]) < 15


def test_photos_are_drawn_above_what_becomes_of_them() -> None:
    black, white = np.zeros((2, 128, 128, 3), np.uint8), np.full((2, 128, 128, 3), 255, np.uint8)
    drawn = np.asarray(draw_reconstructions([("cars", black, white)]))
    dark, light = (np.argwhere((drawn == value).all(axis=2)) for value in (0, 255))
    assert dark[:, 0].max() < light[:, 0].min()
    assert len(dark) >= 2 * 128**2 and len(light) == 2 * 128**2
