"""Figures of views against hand-worked values, independent formulas and invariances."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from mirage.core.errors import MirageError
from mirage.metrics import views as metrics

RNG = np.random.default_rng(0)


def test_psnr_of_known_noise() -> None:
    truth = np.full((2, 4, 16, 16, 3), 100, dtype=np.uint8)
    view = truth.copy()
    view[0] += 10
    got = metrics.psnr(view, truth)
    assert got.shape == (2, 4)
    np.testing.assert_allclose(got[0], 20 * np.log10(255 / 10))
    assert np.isinf(got[1]).all()


def test_ssim_against_gaussian_filters() -> None:
    truth = RNG.integers(0, 256, (32, 40, 3)).astype(np.uint8)
    view = np.clip(truth + RNG.normal(0, 40, truth.shape), 0, 255).astype(np.uint8)

    def blur(image: np.ndarray) -> np.ndarray:
        return gaussian_filter(image, sigma=(1.5, 1.5, 0), truncate=3.5, mode="mirror")

    x, y = view.astype(float), truth.astype(float)
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mx, my = blur(x), blur(y)
    vx, vy, vxy = blur(x * x) - mx**2, blur(y * y) - my**2, blur(x * y) - mx * my
    wanted = (2 * mx * my + c1) * (2 * vxy + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    assert float(metrics.ssim(view, truth)) == pytest.approx(wanted.mean(), abs=1e-6)


def test_ssim_of_itself_is_one_and_of_flat_images_known() -> None:
    images = RNG.integers(0, 256, (2, 3, 16, 16, 3)).astype(np.uint8)
    np.testing.assert_allclose(metrics.ssim(images, images), np.ones((2, 3)))
    dark, light = np.full((16, 16, 3), 50, np.uint8), np.full((16, 16, 3), 200, np.uint8)
    c1 = (0.01 * 255) ** 2
    wanted = (2 * 50 * 200 + c1) / (50**2 + 200**2 + c1)
    assert float(metrics.ssim(dark, light)) == pytest.approx(wanted)


def test_ssim_refuses_what_is_smaller_than_its_window() -> None:
    with pytest.raises(MirageError, match="too small"):
        metrics.ssim(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8, 3), np.uint8))


def test_colour_distance_ignores_layout_and_sees_colour() -> None:
    photo = RNG.integers(0, 256, (12, 12, 3)).astype(np.uint8)
    shuffled = RNG.permutation(photo.reshape(-1, 3)).reshape(photo.shape)
    # the same channel values, paired otherwise: only a joint distance sees it
    repaired = np.stack([photo[..., 0], photo[::-1, ..., 1], photo[..., ::-1, 2]], axis=-1)
    brighter = np.clip(photo.astype(int) + 60, 0, 255).astype(np.uint8)
    same, moved, other, light = metrics.colour_distance(
        photo, np.stack([photo, shuffled, repaired, brighter])
    )
    assert same == moved == 0.0
    assert 0 < other < light < 60 / 255


def test_colour_distance_of_black_and_white_by_hand() -> None:
    black = np.zeros((4, 4, 3), np.uint8)
    # weights sum to 1 on 3 + 3 + 1 axes, to 0 on 3 and to 1/3 on 3
    got = metrics.colour_distance(black, 255 - black[None])
    np.testing.assert_allclose(got, [(7 + 3 / 3) / 13])


def test_colour_distance_counts_only_what_the_masks_keep() -> None:
    photo = np.zeros((6, 6, 3), np.uint8)
    photo[:, 3:] = (200, 30, 40)
    view = np.full((1, 6, 6, 3), 255, np.uint8)
    view[0, :2, :2] = (200, 30, 40)
    photo_mask, view_mask = photo[..., 0] == 200, view[..., 2] == 40
    assert metrics.colour_distance(photo, view, photo_mask, view_mask) == pytest.approx([0.0])
    assert metrics.colour_distance(photo, view)[0] > 0.2
    with pytest.raises(MirageError, match="no items"):
        metrics.colour_distance(photo, view, np.zeros((6, 6), bool))


def test_sketches_are_as_far_apart_as_the_colours_they_stand_for() -> None:
    smooth = np.linspace(0, 255, 32 * 32 * 3).reshape(32, 32, 3)
    images = np.stack([smooth * 0.5, smooth, smooth[::-1], 255 - smooth * 0.3]).astype(np.uint8)
    sketch = metrics.colour_sketch(images)
    found = np.abs(sketch - sketch[:1]).mean(axis=1)
    np.testing.assert_allclose(found, metrics.colour_distance(images[0], images), atol=2e-3)
    assert found[1] == pytest.approx(found[2], abs=1e-6)  # the same colours elsewhere


def unit_features(*shape: int) -> torch.Tensor:
    values = RNG.normal(size=shape)
    return torch.from_numpy(values / np.linalg.norm(values, axis=-1, keepdims=True))


def test_feature_distance_is_two_less_twice_the_cosine() -> None:
    views, truth = unit_features(3, 4, 5, 7), unit_features(3, 4, 5, 7)
    cosine = np.einsum("vhwc,vhwc->vhw", views.numpy(), truth.numpy()).mean(axis=(1, 2))
    np.testing.assert_allclose(metrics.feature_distance(views, truth), 2 - 2 * cosine)
    np.testing.assert_allclose(metrics.feature_distance(views, views), 0.0)
    np.testing.assert_allclose(metrics.feature_distance(views, -views), 4.0)


def test_pooled_features_keep_the_mean_square_of_a_channel_at_most_one() -> None:
    same = unit_features(2, 1, 1, 9).expand(2, 3, 3, 9)
    np.testing.assert_allclose(np.square(metrics.pool(same)).mean(axis=1), 1.0)
    assert (np.square(metrics.pool(unit_features(5, 6, 6, 9))).mean(axis=1) < 1).all()


def test_similarity_is_one_for_the_same_and_follows_the_circle() -> None:
    angle = np.deg2rad([0.0, 30.0, 90.0])
    pooled = 5 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    np.testing.assert_allclose(metrics.similarity(pooled, pooled), 1.0)
    np.testing.assert_allclose(metrics.similarity(pooled, pooled[:1]), np.cos(angle), atol=1e-12)
    steps = np.cos(np.deg2rad([30.0, 60.0, 90.0]))
    np.testing.assert_allclose(metrics.adjacent_similarity(pooled, True), steps, atol=1e-12)
    np.testing.assert_allclose(metrics.adjacent_similarity(pooled, False), steps[:2])
