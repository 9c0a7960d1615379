import numpy as np
import pytest

from mirage.core.errors import MirageError
from mirage.features.sample import draw_sample

IDS = 1000 + 3 * np.arange(200)


def test_a_sample_has_no_id_twice_and_repeats_with_its_seed() -> None:
    drawn = draw_sample(IDS, 40, seed=1)
    assert len(set(drawn)) == 40 and set(drawn) <= set(IDS)
    np.testing.assert_array_equal(drawn, draw_sample(IDS, 40, seed=1))
    assert set(drawn) != set(draw_sample(IDS, 40, seed=2))


def test_all_are_taken_where_they_are_few() -> None:
    assert sorted(draw_sample(IDS, 1000, seed=0)) == IDS.tolist()


@pytest.mark.parametrize("num", [40, 1000])
def test_all_are_equally_likely_among_the_first(num: int) -> None:
    first = np.concatenate([draw_sample(IDS, num, seed)[:20] for seed in range(60)])
    counts = np.bincount(np.searchsorted(IDS, first) // 50, minlength=4)
    assert counts.sum() == 60 * 20
    # 300 expected a quarter, standard deviation about 15.
    assert (np.abs(counts - 300) < 60).all()


def test_no_photos_is_told() -> None:
    with pytest.raises(MirageError, match="no photos"):
        draw_sample(IDS[:0], 100, 0)
