import pytest

from mirage.generation.pretrained import Agreement


@pytest.mark.parametrize(
    ("retimed", "unexplained", "holds"),
    [
        (2.0, 0.02, True),
        (16.0, 0.2, False),  # two circles that have little in common
        (2.0, 1.9, False),  # one pose in nearly all photos: anything agrees with that
        (2.0, 0.6, True),  # photos of a short arc
    ],
)
def test_trained_poses_are_taken_over_where_the_old_bank_sees_the_turn(
    retimed: float, unexplained: float, holds: bool
) -> None:
    agreement = Agreement([0], 0.9, 30.0, retimed, unexplained)
    assert agreement.holds is holds
    assert ("taken over" in str(agreement)) is holds
