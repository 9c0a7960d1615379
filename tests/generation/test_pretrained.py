import pytest

from mirage.generation.pretrained import Agreement


@pytest.mark.parametrize(
    ("retimed", "constant", "holds"),
    [
        (2.0, 88.0, True),
        (16.0, 88.0, False),  # two circles that have nothing in common
        (2.0, 2.5, False),  # one pose in all photos: anything agrees with that
        (1.5, 8.0, True),  # photos of a short arc
    ],
)
def test_trained_poses_are_taken_over_where_the_old_bank_sees_the_turn(
    retimed: float, constant: float, holds: bool
) -> None:
    agreement = Agreement([0], 0.9, 30.0, retimed, constant)
    assert agreement.holds is holds
    assert ("taken over" in str(agreement)) is holds
