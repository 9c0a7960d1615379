import numpy as np

from mirage.parts.foreground import border_distance, part_weights

OBJECT, BACKGROUND, BOTH = 0, 1, 2


def occupancy(side: int = 10) -> np.ndarray:
    """An object in the middle, background round it, and a part that is everywhere."""
    middle = np.zeros((side, side))
    middle[3:7, 2:8] = 1.0
    everywhere = np.full((side, side), 0.2)
    return np.stack([0.8 * middle, 0.8 * (1 - middle), everywhere], axis=-1)


def test_middle_is_object_and_border_is_background() -> None:
    weights = part_weights(occupancy())
    assert weights[OBJECT] > 0.95
    assert weights[BACKGROUND] < 0.05
    assert weights[BACKGROUND] < weights[BOTH] < weights[OBJECT]


def test_weights_are_shares_and_do_not_depend_on_how_common_a_part_is() -> None:
    rare = occupancy()
    rare[..., OBJECT] *= 0.1
    weights = part_weights(rare)
    assert ((weights >= 0) & (weights <= 1)).all()
    assert weights[OBJECT] > 0.95


def test_sharpness_moves_weights_apart() -> None:
    soft, sharp = part_weights(occupancy(), 0.5), part_weights(occupancy(), 3.0)
    assert sharp[OBJECT] >= soft[OBJECT]
    assert sharp[BACKGROUND] <= soft[BACKGROUND]


def test_a_part_that_never_occurs_is_no_object() -> None:
    maps = np.concatenate([occupancy(), np.zeros((10, 10, 1))], axis=-1)
    assert part_weights(maps)[3] == 0.0


def test_the_border_is_at_0_and_the_middle_at_one_half() -> None:
    distance = border_distance(5, 7)
    edge = np.concatenate([distance[0], distance[-1], distance[:, 0], distance[:, -1]])
    assert (edge >= 0).all()
    assert edge.min() < 1e-12
    assert distance.max() == distance[2, 3] == 0.5
    np.testing.assert_allclose(distance, distance[::-1, ::-1], atol=1e-12)
