import numpy as np
import torch

from mirage.parts.codebook import PartCodebook
from mirage.parts.foreground import Foreground
from mirage.poses.description.descriptor import fit_layout_encoder, object_tents, pool_layout

GRID, PARTS = 4, 3
WEIGHTS = np.array([1.0, 1.0, 0.0], np.float32)  # the last part is background


def scene(top: int, left: int, side: int = 24, flipped: bool = False) -> torch.Tensor:
    """[1, side, side, 3]: an object of 8 × 12 patches, part 0 its left half, part 1 its right."""
    maps = torch.zeros(1, side, side, PARTS)
    maps[..., 2] = 1.0
    halves = (1, 0) if flipped else (0, 1)
    for half, part in enumerate(halves):
        patch = maps[:, top : top + 8, left + 6 * half : left + 6 * half + 6]
        patch[...] = 0.0
        patch[..., part] = 1.0
    return maps


def test_layouts_have_unit_length_and_hold_only_the_object() -> None:
    layout = pool_layout(scene(5, 5), WEIGHTS, GRID)
    assert layout.shape == (1, GRID * GRID * PARTS)
    torch.testing.assert_close(layout.norm(dim=1), torch.ones(1))
    assert layout.view(GRID, GRID, PARTS)[..., 2].abs().max() == 0


def test_where_the_object_is_in_the_photo_does_not_count() -> None:
    torch.testing.assert_close(
        pool_layout(scene(2, 3), WEIGHTS, GRID),
        pool_layout(scene(13, 9), WEIGHTS, GRID),
        atol=1e-4,
        rtol=1e-4,
    )


def test_left_and_right_are_told_apart() -> None:
    facing_left = pool_layout(scene(5, 5), WEIGHTS, GRID)
    facing_right = pool_layout(scene(5, 5, flipped=True), WEIGHTS, GRID)
    assert (facing_left - facing_right).norm() > 0.8


def test_distance_is_the_hellinger_distance_of_the_pooled_shares() -> None:
    a, b = (pool_layout(scene(5, 5, flipped=f), WEIGHTS, GRID)[0].double() for f in (False, True))
    affinity = (a**2 * b**2).sqrt().sum()
    torch.testing.assert_close((a - b).norm() ** 2, 2 - 2 * affinity)


def test_a_photo_without_object_has_no_layout_but_does_no_harm() -> None:
    empty = torch.zeros(1, 10, 10, PARTS)
    empty[..., 2] = 1.0
    assert torch.equal(pool_layout(empty, WEIGHTS, GRID), torch.zeros(1, GRID * GRID * PARTS))


def test_patches_share_themselves_out_among_the_cells() -> None:
    mass = torch.rand(5, 13, generator=torch.Generator().manual_seed(0))
    tents = object_tents(mass, GRID)
    torch.testing.assert_close(tents.sum(dim=2), torch.ones(5, 13))
    assert (tents >= 0).all()


def test_the_encoder_takes_features_to_descriptors_of_mean_squared_length_one() -> None:
    random = np.random.default_rng(0)
    codebook = PartCodebook(
        np.zeros(6, np.float32),
        np.eye(6, dtype=np.float32)[:, :PARTS],
        np.eye(PARTS, dtype=np.float32),
        0.1,
    )
    foreground = Foreground(np.eye(6, dtype=np.float32)[0], 0.0)
    features = torch.from_numpy(random.standard_normal((40, 9, 9, 6)).astype(np.float32))
    layouts = pool_layout(codebook.part_maps(features), WEIGHTS, GRID).numpy()
    encoder = fit_layout_encoder(codebook, foreground, WEIGHTS, GRID, layouts, dims=10)
    descriptors = encoder(features)
    assert descriptors.shape == (40, 10)
    assert descriptors.dtype == np.float32
    np.testing.assert_allclose((descriptors**2).sum(axis=1).mean(), 1.0, rtol=1e-3)
    np.testing.assert_allclose(descriptors.mean(axis=0), 0.0, atol=1e-4)
    assert torch.equal(encoder.masks(features) > 0.5, features[..., 0] > 0)
