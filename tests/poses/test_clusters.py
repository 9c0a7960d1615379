import numpy as np

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


def test_mirrored_poses_are_mirror_images_of_one_another() -> None:
    """Mirroring changes the sign of x; one of three clusters lies on the axis."""
    random = np.random.default_rng(0)
    centres = np.array([[3.0, 0.0], [-3.0, 0.2], [0.0, 4.0]])
    data = centres[random.integers(0, 3, 300)] + 0.3 * random.normal(size=(300, 2))
    data = data.astype(np.float32)
    mirrored = data * np.array([-1, 1], np.float32)
    centroids, mirror = fit_mirrored_poses(data, mirrored, 3, restarts=5, seed=0, max_points=1000)
    np.testing.assert_array_equal(mirror[mirror], np.arange(3))
    np.testing.assert_allclose(centroids[mirror], centroids * [-1, 1], atol=1e-4)
    assert (mirror == np.arange(3)).sum() == 1
