"""Figures of poses against hand-worked values, independent formulas and invariances."""

import numpy as np
import pytest
import torch
from torchmetrics.functional.clustering import homogeneity_score, normalized_mutual_info_score

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
    for figure in (metrics.nmi, metrics.purity, metrics.homogeneity):
        assert figure(found, true) == pytest.approx(1.0)


def test_finer_clusters_are_homogeneous_but_not_equal() -> None:
    true = np.repeat([0, 1], 8)
    found = np.repeat([0, 1, 2, 3], 4)
    assert metrics.homogeneity(found, true) == pytest.approx(1.0)
    assert metrics.purity(found, true) == 1.0
    # I = ln 2, H(found) = 2 ln 2, H(true) = ln 2
    assert metrics.nmi(found, true) == pytest.approx(2 / 3)
    assert metrics.homogeneity(true, found) == pytest.approx(0.5)


def test_nmi_and_homogeneity_against_torchmetrics() -> None:
    """It computes in float32."""
    found, true = labellings()
    pair = torch.from_numpy(found), torch.from_numpy(true)
    for ours, theirs in (
        (metrics.nmi, normalized_mutual_info_score),
        (metrics.homogeneity, homogeneity_score),
    ):
        assert ours(found, true) == pytest.approx(float(theirs(*pair)), abs=1e-5)


def test_chance_scores_nothing() -> None:
    found, true = RNG.integers(0, 6, 20_000), RNG.integers(0, 6, 20_000)
    assert metrics.nmi(found, true) < 0.01


def test_one_cluster_each_agrees_and_one_against_many_does_not() -> None:
    ones, many = np.zeros(6, dtype=int), np.arange(6) % 3
    assert metrics.nmi(ones, ones) == metrics.homogeneity(ones, ones) == 1.0
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
        "front": 3,
        "front-side": 1,
        "rear": 2,
        "rear-side": 2,
        "side": 2,
    }
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
