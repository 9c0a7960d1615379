"""Figures of poses against hand-worked values, independent formulas and invariances."""

from itertools import combinations

import numpy as np
import pytest

from mirage.core.angles import RingAlignment
from mirage.core.errors import MirageError
from mirage.metrics import poses as metrics

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
