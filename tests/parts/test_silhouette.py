import numpy as np

from mirage.parts.silhouette import SIDE, boundary_contrast, find_silhouettes, walk

TOP, LEFT, BOTTOM, RIGHT = 20, 14, 44, 52


def box() -> np.ndarray:
    """[SIDE, SIDE] bool, where the object is."""
    mask = np.zeros((SIDE, SIDE), bool)
    mask[TOP:BOTTOM, LEFT:RIGHT] = True
    return mask


def photo(noise: float = 6.0) -> np.ndarray:
    """[1, SIDE, SIDE, 3]: a red box before grey, with noise."""
    colours = np.where(box()[..., None], [200.0, 40.0, 40.0], [120.0, 120.0, 120.0])
    noisy = colours + noise * np.random.default_rng(0).standard_normal(colours.shape)
    return noisy.clip(0, 255).astype(np.uint8)[None]


def blurred(shift: int = 0) -> np.ndarray:
    """[1, 8, 8]: the box as coarse patches see it, some pixels to the right."""
    pooled = np.roll(box(), shift, axis=1).reshape(8, 8, 8, 8).mean(axis=(1, 3))
    return pooled[None].astype(np.float32)


def share_wrong(silhouettes: np.ndarray) -> float:
    return float(((silhouettes[0] > 0.5) != box()).mean())


def test_a_coarse_mask_snaps_to_the_edges_of_its_photo() -> None:
    assert share_wrong(find_silhouettes(blurred(), photo())) < 0.01
    assert share_wrong(find_silhouettes(blurred(shift=2), photo())) < 0.01


def test_the_size_of_the_photo_does_not_matter() -> None:
    large = photo().repeat(3, axis=1).repeat(3, axis=2)
    assert share_wrong(find_silhouettes(blurred(), large)) < 0.01


def test_mirrored_photos_have_mirrored_silhouettes() -> None:
    found = find_silhouettes(blurred(), photo())
    mirrored = find_silhouettes(blurred()[:, :, ::-1].copy(), photo()[:, :, ::-1].copy())
    agree = (found > 0.5) == (mirrored > 0.5)[:, :, ::-1]
    assert agree.mean() > 0.99


def test_without_edges_a_walk_is_the_way_between_the_seeds() -> None:
    """On an even photo the probability is harmonic: linear from one wall to the other."""
    inside, outside = np.zeros((6, 9), bool), np.zeros((6, 9), bool)
    inside[:, 0] = outside[:, -1] = True
    found = walk(np.zeros((6, 9, 3), np.float32), inside, outside)
    np.testing.assert_allclose(found, np.broadcast_to(np.linspace(1, 0, 9), (6, 9)), atol=1e-5)


def test_no_photos_have_no_silhouettes() -> None:
    none = find_silhouettes(np.zeros((0, 8, 8), np.float32), np.zeros((0, 10, 10, 3), np.uint8))
    assert none.shape == (0, SIDE, SIDE)


def test_an_even_photo_still_has_a_silhouette_about_as_large_as_its_mask() -> None:
    even = np.full((1, 20, 20, 3), 90, np.uint8)
    share = (find_silhouettes(blurred(), even) > 0.5).mean()
    assert 0.5 * box().mean() < share < 1.5 * box().mean()


def test_contrast_is_highest_where_the_silhouette_follows_the_edge() -> None:
    exact = box()[None].astype(np.float32)
    contrasts = [boundary_contrast(np.roll(exact, s, axis=1), photo()) for s in (0, 2, 6)]
    assert contrasts[0] > contrasts[1] > contrasts[2] > 0
    assert boundary_contrast(np.zeros_like(exact), photo()) == 0.0
