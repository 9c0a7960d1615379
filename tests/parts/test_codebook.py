import numpy as np
import pytest
import torch

from mirage.config import PartsConfig
from mirage.core.errors import MirageError
from mirage.parts.codebook import fit_codebook, fit_pca

CONFIG = PartsConfig(count=4, dims=6, temperature=0.05)


def patches(num_each: int = 100, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Unit features of four kinds in 12 dimensions, and the kind of each."""
    random = np.random.default_rng(seed)
    kinds = np.repeat(np.arange(4), num_each)
    features = np.eye(12)[kinds] + 0.1 * random.standard_normal((len(kinds), 12))
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    return unit.astype(np.float32), kinds


@pytest.mark.parametrize("num_channels", [9, 60])  # all eigenvectors at once; the leading few only
def test_pca_agrees_with_the_singular_vectors(num_channels: int) -> None:
    scale = 1.2 ** np.arange(num_channels)
    points = np.random.default_rng(1).standard_normal((80, num_channels)) * scale
    mean, basis = fit_pca(points, 4)
    _, _, right = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(np.abs((basis * right[:4].T).sum(axis=0)), 1.0, atol=1e-4)
    np.testing.assert_allclose(mean, points.mean(axis=0), rtol=1e-4, atol=1e-4)
    assert (basis[np.abs(basis).argmax(axis=0), np.arange(4)] > 0).all()


def test_pca_never_asks_for_more_directions_than_there_are() -> None:
    assert fit_pca(np.eye(5), 50)[1].shape == (5, 5)


def test_kinds_of_patch_become_parts() -> None:
    features, kinds = patches()
    codebook = fit_codebook(features, CONFIG)
    maps = codebook.part_maps(torch.from_numpy(features).view(4, 10, 10, 12))
    assert maps.shape == (4, 10, 10, 4)
    torch.testing.assert_close(maps.sum(dim=-1), torch.ones(4, 10, 10))
    part = maps.argmax(dim=-1).flatten().numpy()
    assert all(len(np.unique(part[kinds == k])) == 1 for k in range(4))
    assert len(np.unique(part)) == 4


def test_more_parts_than_patches_are_refused() -> None:
    with pytest.raises(MirageError, match="4 parts cannot"):
        fit_codebook(patches()[0][:3], CONFIG)


def test_the_share_is_the_softmax_of_cosines() -> None:
    features, _ = patches()
    codebook = fit_codebook(features, CONFIG)
    one = features[7]
    reduced = (one - codebook.mean) @ codebook.basis
    cosine = codebook.centroids @ reduced / np.linalg.norm(reduced)
    expected = np.exp((cosine - cosine.max()) / 0.05)
    got = codebook.part_maps(torch.from_numpy(one).view(1, 1, 1, 12)).flatten().numpy()
    np.testing.assert_allclose(got, expected / expected.sum(), atol=1e-5)


def test_a_seed_decides_the_codebook_even_when_patches_are_subsampled() -> None:
    features, _ = patches()
    config = PartsConfig(count=4, dims=6, sample=150, seed=3)
    np.testing.assert_array_equal(
        fit_codebook(features, config).centroids, fit_codebook(features, config).centroids
    )
