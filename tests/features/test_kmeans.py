from typing import Any

import faiss
import numpy as np
import pytest
import torch
from virtual_gpu import virtual_gpu

from mirage.core.errors import MirageError
from mirage.features import kmeans

CPU = torch.device("cpu")


def blobs(num_each: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Three well-separated blobs, and which blob every point is of."""
    random = np.random.default_rng(seed)
    centres = np.array([[5.0, 0.0, 0.0], [0.0, 5.0, 0.0], [0.0, 0.0, 5.0]])
    blob = np.repeat(np.arange(3), num_each)
    return (centres[blob] + 0.1 * random.standard_normal((len(blob), 3))).astype(np.float32), blob


def test_fit_finds_the_blobs_and_reports_their_inertia() -> None:
    points, blob = blobs()
    clusters = kmeans.fit(points, 3, restarts=5)
    ids, squared = kmeans.assign(points, clusters.centroids)
    for k in range(3):
        assert len(np.unique(ids[blob == k])) == 1
    within = sum(((points[blob == k] - points[blob == k].mean(0)) ** 2).sum() for k in range(3))
    assert clusters.objective == pytest.approx(float(within), rel=1e-3)
    assert squared.sum() == pytest.approx(float(within), rel=1e-3)


def test_assignment_agrees_with_brute_force() -> None:
    random = np.random.default_rng(1)
    points, centroids = random.standard_normal((50, 7)), random.standard_normal((9, 7))
    ids, squared = kmeans.nearest(points, centroids, num_nearest=4)
    distance = ((points[:, None] - centroids[None]) ** 2).sum(-1)
    np.testing.assert_array_equal(ids, np.argsort(distance, axis=1)[:, :4])
    np.testing.assert_allclose(squared, np.sort(distance, axis=1)[:, :4], rtol=1e-4, atol=1e-4)


def test_spherical_centroids_have_unit_length_and_ids_maximise_the_cosine() -> None:
    points = kmeans.normalize_rows(np.random.default_rng(2).standard_normal((200, 5)))
    clusters = kmeans.fit(points, 6, spherical=True)
    np.testing.assert_allclose(np.linalg.norm(clusters.centroids, axis=1), 1.0, atol=1e-5)
    ids, cosine = kmeans.assign(points, clusters.centroids, spherical=True)
    products = points @ clusters.centroids.T
    np.testing.assert_array_equal(ids, products.argmax(axis=1))
    assert cosine.sum() == pytest.approx(clusters.objective, rel=0.02)


def test_a_seed_decides_the_outcome_whatever_the_number_of_threads() -> None:
    points = np.random.default_rng(3).standard_normal((500, 8))
    one = kmeans.fit(points, 20, seed=4, num_threads=1).centroids
    two = kmeans.fit(points, 20, seed=4, num_threads=2).centroids
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, kmeans.fit(points, 20, seed=5).centroids)


def test_restarts_never_do_worse() -> None:
    points = np.random.default_rng(6).standard_normal((300, 4))
    single = kmeans.fit(points, 15, seed=1).objective
    assert kmeans.fit(points, 15, seed=1, restarts=8).objective <= single * (1 + 1e-6)


def test_every_point_counts_unless_a_limit_is_set() -> None:
    # FAISS alone would look at 256 points a centroid: one far point in 3,000 would be missed.
    points = np.zeros((3000, 2), np.float32)
    points[0] = [3000.0, 0.0]
    assert kmeans.fit(points, 1).centroids[0, 0] == pytest.approx(1.0, rel=1e-3)


def test_too_few_points_and_bad_numbers_are_told() -> None:
    with pytest.raises(MirageError, match="2 points cannot form 3 clusters"):
        kmeans.fit(np.zeros((2, 4)), 3)
    with pytest.raises(MirageError, match="not finite"):
        kmeans.fit(np.full((5, 4), np.nan), 3)


@pytest.mark.parametrize("spherical", [False, True])
def test_a_fit_ends_where_faiss_ends_from_the_same_seed(spherical: bool) -> None:
    # More points than one task takes, and not a multiple of it.
    points = kmeans.normalize_rows(np.random.default_rng(7).standard_normal((5000, 6)))
    peer = faiss.Kmeans(
        6, 10, niter=8, nredo=3, seed=11, spherical=spherical, max_points_per_centroid=5000
    )
    peer.train(points)
    ours = kmeans.fit(
        points, 10, seed=11, restarts=3, iterations=8, spherical=spherical, device=CPU
    )
    np.testing.assert_allclose(ours.centroids, peer.centroids, atol=1e-3)


def test_a_fit_that_no_longer_moves_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    assign_on_cpu = kmeans._assign_on_cpu
    monkeypatch.setattr(
        kmeans, "_assign_on_cpu", lambda *args: (calls.append(1), assign_on_cpu(*args))[1]
    )
    points, _ = blobs()
    kmeans.fit(points, 3, iterations=1000, device=CPU)
    assert len(calls) < 50


def test_copies_of_few_points_leave_no_centroid_without_a_value() -> None:
    points = np.repeat(np.eye(3, dtype=np.float32), 20, axis=0)
    clusters = kmeans.fit(points, 7)
    assert np.isfinite(clusters.centroids).all()
    assert clusters.objective == pytest.approx(0.0, abs=1e-3)


def test_a_fit_leaves_the_number_of_threads_as_it_was() -> None:
    before = torch.get_num_threads()
    kmeans.fit(blobs()[0], 3, num_threads=2)
    assert torch.get_num_threads() == before


def test_a_search_has_torchs_threads_and_leaves_faiss_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """torchrun gives FAISS one, whatever the process that works alone was given since."""
    before, seen = faiss.omp_get_max_threads(), []
    monkeypatch.setattr(torch, "get_num_threads", lambda: before + 2)
    search = faiss.IndexFlatL2.search

    def watched(index: faiss.Index, *args: Any) -> Any:
        seen.append(faiss.omp_get_max_threads())
        return search(index, *args)

    monkeypatch.setattr(faiss.IndexFlatL2, "search", watched)
    kmeans.assign(*(np.eye(3, dtype=np.float32),) * 2)
    assert seen == [before + 2] and faiss.omp_get_max_threads() == before


@pytest.mark.virtual_gpu
@pytest.mark.parametrize("spherical", [False, True])
def test_a_gpu_gives_the_centroids_of_the_cpu(
    spherical: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = kmeans.normalize_rows(np.random.default_rng(8).standard_normal((3000, 16)))
    monkeypatch.setattr(kmeans, "_GPU_BLOCK", 1024)
    settings: Any = {"seed": 1, "spherical": spherical, "iterations": 8}
    expected = kmeans.fit(points, 12, **settings, device=torch.device("cpu"))
    with virtual_gpu() as gpu, gpu.count() as tally:
        found = kmeans.fit(points, 12, **settings)  # this process's own
    np.testing.assert_allclose(found.centroids, expected.centroids, atol=1e-4)
    assert found.objective == pytest.approx(expected.objective, rel=1e-5)
    assert 0 < tally.num_syncs <= 2 * 9, tally  # ids and sums, of each assignment


@pytest.mark.virtual_gpu
def test_assignment_takes_nothing_to_a_gpu() -> None:
    """Batches of descriptors are small, and on the host."""
    points = np.eye(6, dtype=np.float32)
    with virtual_gpu() as gpu, gpu.count() as tally:
        kmeans.nearest(points, points, num_nearest=3)
    assert tally.num_operations == tally.num_uploads == tally.num_syncs == 0, tally
