import numpy as np
import pytest

from mirage.core.contracts import PoseLabels
from mirage.poses.match import match_banks


def labels(pose: np.ndarray, azimuth: np.ndarray | None = None) -> PoseLabels:
    num = len(pose)
    azimuth = pose * 10.0 if azimuth is None else azimuth
    return PoseLabels(
        pose,
        np.ones(num),
        azimuth % 360,
        pose[:, None],
        np.ones((num, 1), np.float32),
        np.zeros(num, bool),
    )


def test_renumbered_poses_are_matched_and_agree_fully() -> None:
    random = np.random.default_rng(0)
    old = random.integers(0, 8, 500)
    renumbered = random.permutation(8)
    match = match_banks(labels(renumbered[old]), labels(old), 8, 8)
    np.testing.assert_array_equal(match.mapping[renumbered], np.arange(8))
    assert match.agreement == 1.0


def test_two_new_poses_may_stand_for_one_old_pose() -> None:
    old = np.repeat(np.arange(3), 20)
    new = 2 * old + np.tile([0, 1], 30)
    match = match_banks(labels(new), labels(old), 6, 3)
    np.testing.assert_array_equal(match.mapping, [0, 0, 1, 1, 2, 2])
    assert match.agreement == 1.0


def test_agreement_is_the_share_of_photos_that_keep_their_pose() -> None:
    old = np.repeat(np.arange(4), 25)
    new = old.copy()
    new[::10] = (new[::10] + 1) % 4
    assert match_banks(labels(new), labels(old), 4, 4).agreement == pytest.approx(0.9)


def test_the_residual_is_what_remains_after_the_alignment() -> None:
    random = np.random.default_rng(1)
    new = random.uniform(0, 360, 400)
    old = (77.0 - new + random.normal(0, 2, 400)) % 360
    old[:60] = (old[:60] + 180) % 360
    pose = np.zeros(400, int)
    match = match_banks(labels(pose, new), labels(pose, old), 1, 1)
    assert match.alignment.direction == -1
    assert match.alignment.offset == pytest.approx(77.0, abs=1.0)
    assert np.median(match.alignment.error(new, old)) == pytest.approx(match.residual)
    assert match.residual < 3.0


def test_labels_of_different_photos_are_refused() -> None:
    with pytest.raises(ValueError, match="3 and 2 labels"):
        match_banks(labels(np.zeros(3, int)), labels(np.zeros(2, int)), 1, 1)


def test_two_banks_that_time_the_circle_otherwise_agree_once_re_timed() -> None:
    old = np.random.default_rng(2).uniform(0, 360, 2000)
    new = 50.0 - (old + 25.0 * np.sin(np.deg2rad(old)))
    match = match_banks(labels(np.zeros(2000, int), new), labels(np.zeros(2000, int), old), 1, 1)
    assert match.residual > 12.0 and match.retimed < 2.0
    chance = np.random.default_rng(3).uniform(0, 360, 2000)
    match = match_banks(labels(np.zeros(2000, int), chance), labels(np.zeros(2000, int), old), 1, 1)
    assert match.retimed > 70.0


def test_an_old_bank_that_sees_one_pose_in_all_photos_tells_nothing() -> None:
    random = np.random.default_rng(4)
    new, zeros = random.uniform(0, 360, 2000), np.zeros(2000, int)
    for old in (random.normal(90, 3, 2000), np.full(2000, 90.0)):
        match = match_banks(labels(zeros, new), labels(zeros, old), 1, 1)
        assert match.agreement == 1.0  # all stand for the one pose
        assert match.unexplained > 1.0


@pytest.mark.parametrize(
    ("crowded", "arc"), [(0.0, 360.0), (0.6, 360.0), (0.9, 360.0), (0.0, 40.0)]
)
def test_what_two_banks_see_alike_is_explained_also_where_most_photos_are_of_one_view(
    crowded: float, arc: float
) -> None:
    random = np.random.default_rng(5)
    true = np.where(
        random.random(2000) < crowded, random.normal(90, 2, 2000), random.uniform(0, arc, 2000)
    )
    new, old = (true + random.normal(0, 3, 2000) for _ in range(2))
    zeros = np.zeros(2000, int)
    assert match_banks(labels(zeros, new), labels(zeros, old), 1, 1).unexplained < 0.5
