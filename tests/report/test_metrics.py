"""Figures against hand-worked values, independent formulas and invariances."""

from itertools import combinations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from mirage.circle import RingAlignment
from mirage.errors import MirageError
from mirage.report import metrics

RNG = np.random.default_rng(0)


def labellings(count: int = 200) -> tuple[np.ndarray, np.ndarray]:
    true = RNG.integers(0, 5, count)
    found = np.where(RNG.random(count) < 0.7, true, RNG.integers(0, 5, count))
    return found, true


def test_renamed_clusters_are_perfect() -> None:
    true = np.repeat([0, 1, 2, 3], [5, 9, 2, 4])
    found = np.array([7, 3, 9, 1])[true]
    for figure in (metrics.nmi, metrics.ari, metrics.purity, metrics.homogeneity):
        assert figure(found, true) == pytest.approx(1.0)


def test_finer_clusters_are_homogeneous_but_not_equal() -> None:
    true = np.repeat([0, 1], 8)
    found = np.repeat([0, 1, 2, 3], 4)
    assert metrics.homogeneity(found, true) == pytest.approx(1.0)
    assert metrics.purity(found, true) == 1.0
    # I = ln 2, H(found) = 2 ln 2, H(true) = ln 2
    assert metrics.nmi(found, true) == pytest.approx(2 / 3)
    assert metrics.homogeneity(true, found) == pytest.approx(0.5)


def test_nmi_against_a_sum_over_pairs_of_labels() -> None:
    found, true = labellings()
    mutual, entropies = 0.0, [0.0, 0.0]
    for k in range(5):
        for c in range(5):
            joint = np.mean((found == k) & (true == c))
            if joint > 0:
                mutual += joint * np.log(joint / (np.mean(found == k) * np.mean(true == c)))
    for side, labels in enumerate((found, true)):
        shares = np.array([np.mean(labels == k) for k in range(5)])
        entropies[side] = -np.sum(shares * np.log(shares))
    assert metrics.nmi(found, true) == pytest.approx(2 * mutual / sum(entropies))
    assert metrics.homogeneity(found, true) == pytest.approx(mutual / entropies[1])


def test_ari_against_counted_pairs() -> None:
    found, true = labellings(60)
    pairs = list(combinations(range(60), 2))
    same_found = np.array([found[i] == found[j] for i, j in pairs])
    same_true = np.array([true[i] == true[j] for i, j in pairs])
    expected = same_found.sum() * same_true.sum() / len(pairs)
    most = (same_found.sum() + same_true.sum()) / 2
    by_hand = ((same_found & same_true).sum() - expected) / (most - expected)
    assert metrics.ari(found, true) == pytest.approx(by_hand)


def test_chance_scores_nothing() -> None:
    found, true = RNG.integers(0, 6, 20_000), RNG.integers(0, 6, 20_000)
    assert abs(metrics.ari(found, true)) < 0.01
    assert metrics.nmi(found, true) < 0.01


def test_one_cluster_each_agrees_and_one_against_many_does_not() -> None:
    ones, many = np.zeros(6, dtype=int), np.arange(6) % 3
    assert metrics.nmi(ones, ones) == metrics.ari(ones, ones) == 1.0
    assert metrics.nmi(ones, many) == metrics.homogeneity(ones, many) == 0.0
    assert metrics.purity(ones, many) == pytest.approx(1 / 3)


def test_empty_labels_are_refused() -> None:
    with pytest.raises(MirageError, match="no items"):
        metrics.nmi([], [])


def test_azimuth_figures_by_hand() -> None:
    figures = metrics.azimuth_figures([0, 0, 0, 0], [10, 350, 30, 180], RingAlignment(0.0, 1))
    assert figures["median_deg"] == pytest.approx(20.0)
    assert figures["beyond_90"] == 0.25
    assert figures["p90_deg"] == pytest.approx(30 + 0.7 * 150)


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


def test_bootstrap_is_as_wide_as_the_error_of_the_mean() -> None:
    values = RNG.normal(3.0, 2.0, 400)
    got = metrics.bootstrap_mean(values, np.arange(400), seed=0)
    half = 1.96 * values.std() / np.sqrt(400)
    assert got.mean == pytest.approx(values.mean())
    assert got.high - got.mean == pytest.approx(half, rel=0.12)
    assert got.mean - got.low == pytest.approx(half, rel=0.12)
    assert got == metrics.bootstrap_mean(values, np.arange(400), seed=0)


def test_bootstrap_resamples_whole_groups() -> None:
    objects = RNG.normal(0, 1, 40)
    values, groups = np.repeat(objects, 25), np.repeat(np.arange(40), 25)
    grouped = metrics.bootstrap_mean(values, groups, seed=1)
    alone = metrics.bootstrap_mean(values, np.arange(1000), seed=1)
    ratio = (grouped.high - grouped.low) / (alone.high - alone.low)
    assert ratio == pytest.approx(5.0, rel=0.2)


def test_viewpoint_figures_by_hand() -> None:
    pose = [0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 0]
    seen = ["front", "front", "rear", "rear-side", "rear-side", "front-side"]
    seen += ["side", "side", "front", "rear", ""]
    figures = metrics.viewpoint_figures(pose, seen)
    assert figures["photos"] == 10
    assert figures["viewpoints"] == {
        "front": 3, "front-side": 1, "rear": 2, "rear-side": 2, "side": 2,
    }  # fmt: skip
    # wrong: the rear among fronts and the front-side among rear-sides; no end is taken in pose 2
    assert figures["ends"] == 8 and figures["front_rear"] == pytest.approx(2 / 8)
    assert figures["purity"] == pytest.approx(6 / 10)
    for name in ("nmi", "homogeneity"):
        assert figures[name] == getattr(metrics, name)(pose[:10], seen[:10])


def test_viewpoint_figures_know_any_names_and_need_one() -> None:
    hand = np.array(["front-left", "rear-right", "front-left"], dtype=object)
    assert metrics.viewpoint_figures([0, 0, 0], hand)["front_rear"] == pytest.approx(1 / 3)
    assert "front_rear" not in metrics.viewpoint_figures([0, 1], ["side", "top"])
    with pytest.raises(MirageError, match="no items"):
        metrics.viewpoint_figures([0, 1], ["", ""])


def test_iou_of_masks_counts_pixels() -> None:
    true = np.zeros((3, 4, 4), bool)
    true[:2, :2] = True  # the third is empty
    found = true.astype(float)
    found[1, 2, :] = 0.6
    found[1, 0, :] = 0.4
    np.testing.assert_allclose(metrics.mask_iou(found, true), [1.0, 4 / 12, 1.0])
