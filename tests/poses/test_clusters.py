import numpy as np
import pytest

from mirage.features.kmeans import assign
from mirage.poses.clusters import SoftPoses, fit_mirrored_poses, fit_poses, soft_poses, softness_of

CENTRES = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [4.0, 4.0]], np.float32)


def points(num_each: int = 50) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    of = np.repeat(np.arange(4), num_each)
    return (CENTRES[of] + 0.2 * random.standard_normal((len(of), 2))).astype(np.float32), of


def test_poses_are_the_clusters() -> None:
    data, of = points()
    centroids = fit_poses(data, 4, restarts=5, seed=0, max_points=1000)
    softness = softness_of(data, centroids)
    soft = soft_poses(data, centroids, softness, 2)
    for k in range(4):
        assert len(np.unique(soft.topk[of == k, 0])) == 1
    assert softness > 0


def test_weights_fall_and_sum_to_one_and_the_confidence_is_their_margin() -> None:
    data, _ = points()
    soft = soft_poses(data, CENTRES, 2.0, 3)
    np.testing.assert_allclose(soft.weight.sum(axis=1), 1.0, atol=1e-6)
    assert (np.diff(soft.weight, axis=1) <= 0).all()
    np.testing.assert_allclose(soft.confidence, soft.weight[:, 0] - soft.weight[:, 1])
    assert ((soft.confidence >= 0) & (soft.confidence <= 1)).all()


def test_halfway_between_two_poses_nothing_is_sure() -> None:
    soft = soft_poses(np.array([[2.0, 0.0], [0.1, 0.0]], np.float32), CENTRES, 1.0, 2)
    assert set(soft.topk[0]) == {0, 1}
    assert soft.confidence[0] < 1e-5
    assert soft.confidence[1] > 0.99


def test_one_pose_kept_is_a_sure_pose() -> None:
    sure = SoftPoses(np.zeros((3, 1), int), np.ones((3, 1), np.float32))
    np.testing.assert_array_equal(sure.confidence, 1.0)


def test_identical_photos_do_not_divide_by_zero() -> None:
    same = np.ones((20, 2), np.float32)
    centroids = fit_poses(same, 3, restarts=1, seed=0, max_points=100)
    softness = softness_of(same, centroids)
    assert np.isfinite(soft_poses(same, centroids, softness, 2).weight).all()


@pytest.mark.parametrize("num_poses", [7, 8])
def test_mirrored_poses_are_mirror_images_of_one_another(num_poses: int) -> None:
    """On a circle that mirroring turns over, with a coordinate that it leaves alone."""
    random = np.random.default_rng(0)
    angle = random.uniform(0, 2 * np.pi, 800)
    data = np.stack([0.1 * random.normal(size=800), np.cos(angle), np.sin(angle)], axis=1)
    flip = np.array([1, 1, -1])
    centroids, mirror = fit_mirrored_poses(
        data.astype(np.float32),
        (data * flip).astype(np.float32),
        num_poses,
        restarts=5,
        seed=0,
        max_points=1000,
    )
    assert len(centroids) == num_poses
    np.testing.assert_array_equal(mirror[mirror], np.arange(num_poses))
    np.testing.assert_allclose(centroids[mirror], centroids * flip, atol=1e-4)
    assert (mirror == np.arange(num_poses)).sum() == 2 - num_poses % 2
    counts = np.bincount(assign(data.astype(np.float32), centroids)[0], minlength=num_poses)
    assert counts.min() > 400 / num_poses


@pytest.mark.parametrize("num_poses", [9, 12, 30])
def test_no_pose_stays_empty_where_many_photos_lie_on_the_axis(num_poses: int) -> None:
    random = np.random.default_rng(0)
    azimuth = np.concatenate([np.zeros(300), random.uniform(0, 360, 900), np.full(300, 180.0)])
    # The two readings of a photo and its mirror image differ a little, also in which side they are.
    read = np.deg2rad(np.stack([azimuth, -azimuth]) + random.normal(0, 0.5, (2, 1500)))
    read[:, 300:340] = np.deg2rad(-35.0)  # and some are read on one side, flipped or not
    kinds = random.normal(0, 0.5, (1500, 4))
    photos, mirrored = (
        np.concatenate([kinds, 6 * np.cos(a)[:, None], 6 * np.sin(a)[:, None]], axis=1)
        for a in read
    )
    centroids, mirror = fit_mirrored_poses(
        photos, mirrored, num_poses, restarts=2, seed=0, max_points=2000
    )
    counts = np.bincount(assign(photos, centroids)[0], minlength=num_poses)
    assert counts.min() > 5
    np.testing.assert_array_equal(mirror[mirror], np.arange(num_poses))
