from __future__ import annotations

import numpy as np
import pytest
import torch

from mirage.parts.foreground import Foreground, border_distance, fit_foreground

NUM, GRID, PIXELS, CHANNELS = 24, 8, 4, 12
SIDE = GRID * PIXELS


def scenes(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes of any colour at many places, before backgrounds of two kinds.

    Features bleed to their neighbours, as those of networks do.

    Returns:
        features [NUM, GRID, GRID, CHANNELS], photos [NUM, SIDE, SIDE, 3] and true masks.
    """
    random = np.random.default_rng(seed)
    true = np.zeros((NUM, SIDE, SIDE), bool)
    for mask in true:
        height, width = random.integers(10, 18, 2)
        top, left = (SIDE - height) // 2 + random.integers(-4, 5), random.integers(3, 12)
        mask[top : top + height, left : left + width] = True
    kinds = random.integers(1, 3, NUM)
    colours = random.uniform(0, 255, (2, NUM, 1, 1, 3))
    colours[1] = (colours[0] + 128) % 256
    photos = np.where(true[..., None], colours[0], colours[1])
    photos = (photos + 5 * random.standard_normal(photos.shape)).clip(0, 255).astype(np.uint8)
    share = true.reshape(NUM, GRID, PIXELS, GRID, PIXELS).mean(axis=(2, 4))
    padded = np.pad(share, ((0, 0), (1, 1), (1, 1)), mode="edge")
    around = sum(padded[:, y : y + GRID, x : x + GRID] for y in range(3) for x in range(3)) / 9
    object_ = (0.7 * share + 0.3 * around)[..., None]
    axes = np.eye(CHANNELS)
    features = object_ * axes[0] + (1 - object_) * axes[kinds][:, None, None]
    features += 0.15 * random.standard_normal(features.shape)
    unit = features / np.linalg.norm(features, axis=-1, keepdims=True)
    return unit.astype(np.float16), photos, true


def patch_iou(foreground: Foreground, features: np.ndarray, true: np.ndarray) -> float:
    """Of patches more than half object."""
    truth = true.reshape(NUM, GRID, PIXELS, GRID, PIXELS).mean(axis=(2, 4)) > 0.5
    found = foreground(torch.from_numpy(features)).numpy() > 0.5
    return float((found & truth).sum() / (found | truth).sum())


@pytest.fixture(scope="module")
def fitted() -> Foreground:
    features, photos, _ = scenes(seed=0)
    return fit_foreground(features, photos)


def test_objects_never_seen_are_told_from_their_background(fitted: Foreground) -> None:
    features, _, true = scenes(seed=1)
    assert patch_iou(fitted, features, true) > 0.8


def test_edges_teach_what_the_place_in_the_photo_does_not(fitted: Foreground) -> None:
    """With photos that have no edges, all that is known is that the object is in the middle."""
    features, photos, _ = scenes(seed=0)
    blind = fit_foreground(features, np.full_like(photos, 127))
    fresh, _, true = scenes(seed=1)
    assert patch_iou(fitted, fresh, true) > patch_iou(blind, fresh, true)


def test_masks_are_shares_and_turn_with_the_photo(fitted: Foreground) -> None:
    features = torch.from_numpy(scenes(seed=1)[0])
    masks = fitted(features)
    assert masks.shape == (NUM, GRID, GRID)
    assert masks.dtype == torch.float32
    assert 0.0 <= masks.min() < masks.max() <= 1.0
    torch.testing.assert_close(fitted(features.flip(2)), masks.flip(2))


def test_the_same_photos_give_the_same_reading(fitted: Foreground) -> None:
    features, photos, _ = scenes(seed=0)
    again = fit_foreground(features, photos)
    np.testing.assert_array_equal(again.slope, fitted.slope)
    assert again.threshold == fitted.threshold


def test_one_even_photo_does_no_harm() -> None:
    features = np.ones((1, 4, 4, 5), np.float16)
    foreground = fit_foreground(features, np.zeros((1, 20, 20, 3), np.uint8))
    assert torch.isfinite(foreground(torch.from_numpy(features))).all()


def test_the_border_is_at_0_and_the_middle_at_one_half() -> None:
    distance = border_distance(5, 7)
    edge = np.concatenate([distance[0], distance[-1], distance[:, 0], distance[:, -1]])
    assert (edge >= 0).all()
    assert edge.min() < 1e-12
    assert distance.max() == distance[2, 3] == 0.5
    np.testing.assert_allclose(distance, distance[::-1, ::-1], atol=1e-12)
