"""Every metric has one entry, and what is computed is what is told of."""

from __future__ import annotations

from mirage.metrics import views
from mirage.metrics.registry import GROUPS, METRICS, SETS, VIEWS, Metric
from mirage.metrics.sets import DISTANCES


def test_a_metric_has_one_entry() -> None:
    assert sum(map(len, GROUPS.values())) == len(METRICS)
    assert all(metric.meaning and metric.label for metric in METRICS.values())


def test_what_is_computed_of_views_is_registered_and_the_other_way_round() -> None:
    plain, true = set(views._OF_VIEWS), set(views._AGAINST_TRUTH)
    assert plain | true == {metric.name for metric in VIEWS} and not plain & true
    assert true == {metric.name for metric in VIEWS if metric.needs_truth}
    assert set(DISTANCES) == {metric.name for metric in SETS}


def test_a_metric_is_told_of_with_its_unit_and_the_way_it_gets_better() -> None:
    metric = Metric("share", "share", "of all", 1, "down", "%", factor=100.0)
    assert metric.title == "share, %" and metric.heading == "share, % ↓"
    assert metric.show(0.125) == "12.5" and metric.show(0.125, signed=True) == "+12.5"
    assert Metric("x", "x", "x", better="up").heading == "x ↑"
    assert Metric("x", "x", "x", digits=0, signed=True).show(2.0) == "+2"
