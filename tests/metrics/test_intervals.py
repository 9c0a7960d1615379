"""Intervals are as wide as the error they stand for, and hold the truth as often as they say."""

import numpy as np
import pytest
from scipy.stats import t

from mirage.core.errors import MirageError
from mirage.metrics.intervals import bootstrap, jackknife

RNG = np.random.default_rng(0)


def test_bootstrap_is_as_wide_as_the_error_of_the_mean() -> None:
    values = RNG.normal(3.0, 2.0, 400)
    got = bootstrap(values, seed=0)
    half = 1.96 * values.std() / np.sqrt(400)
    assert got.value == pytest.approx(values.mean())
    assert got.high - got.value == pytest.approx(half, rel=0.12)
    assert got.value - got.low == pytest.approx(half, rel=0.12)
    assert got == bootstrap(values, seed=0)


def test_bootstrap_draws_whole_objects() -> None:
    """25 views that are all alike say no more of an object than one."""
    objects = RNG.normal(0, 1, 40)
    one = bootstrap(objects, seed=1)
    many = bootstrap(np.repeat(objects[:, None], 25, axis=1), seed=1)
    assert (many.low, many.high) == pytest.approx((one.low, one.high))


@pytest.mark.parametrize("count", [8, 16])
def test_bootstrap_of_few_objects_holds_the_truth_as_often_as_it_says(count: int) -> None:
    """400 sets: about 94%; plain percentiles hold the truth in 89% of sets of 8 objects."""
    held = 0
    for trial in range(400):
        offset = np.random.default_rng([trial, 1]).normal(5.0, 1.0, (count, 1))
        views = offset + np.random.default_rng([trial, 2]).normal(0.0, 0.5, (count, 6))
        got = bootstrap(views, seed=trial, num_resamples=500)
        held += got.low <= 5.0 <= got.high
    assert 0.905 <= held / 400 <= 0.985


def test_bootstrap_of_a_median_is_not_moved_by_a_wild_view() -> None:
    values = RNG.normal(10.0, 1.0, (20, 5))
    wild = values.copy()
    wild[0, 0] = 1e6
    calm, moved = (bootstrap(v, seed=0, statistic=np.median) for v in (values, wild))
    assert calm.value == np.median(values)
    assert moved.high == pytest.approx(calm.high, abs=0.5)


def test_paired_differences_are_surer_than_their_parts() -> None:
    objects = RNG.normal(20, 5, 16)
    better = objects + 0.4 + RNG.normal(0, 0.1, 16)
    assert bootstrap(better, 0).low < bootstrap(objects, 0).high  # apart they tell nothing
    assert bootstrap(better - objects, 0).low > 0.2


def test_jackknife_of_a_mean_is_its_t_interval() -> None:
    values = RNG.normal(1.0, 3.0, 12)
    without = [np.delete(values, i).mean() for i in range(12)]
    got = jackknife(values.mean(), without)
    wanted = t.interval(0.95, 11, values.mean(), values.std(ddof=1) / np.sqrt(12))
    assert (got.low, got.high) == pytest.approx(wanted)


def test_one_object_has_no_interval() -> None:
    with pytest.raises(MirageError, match="two objects"):
        bootstrap([[1.0, 2.0]], seed=0)
    with pytest.raises(MirageError, match="two groups"):
        jackknife(1.0, [1.0])
