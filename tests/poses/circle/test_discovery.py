"""Discoveries that agree make a score near 1; photos on no curve make none."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic.circles import ODD, azimuths, detailed, folded, whole

from mirage.core.angles import align_rings, circular_distance, circular_mean
from mirage.core.contracts import FloatArray
from mirage.poses.circle import discovery
from mirage.poses.circle.discovery import discover_circle, pin_ring
from mirage.poses.circle.search import Photos


def test_discoveries_agree_on_a_circle() -> None:
    true = azimuths(400)
    points, mirrored = folded(true)
    circle = discover_circle(points, mirrored, seed=0, num_discoveries=2)
    assert circle is not None and circle.score > 0.8
    assert len(circle.reader.members) == 2
    read = circle.reader.azimuths(points)
    assert np.median(align_rings(read, true).error(read, true)) < 6.0
    assert np.median(circle.reader.confidence(points)) > 0.9  # all members lie on one ring


def test_searches_that_end_on_a_fold_come_to_the_circle(monkeypatch: pytest.MonkeyPatch) -> None:
    true = azimuths(400)
    points, mirrored = folded(true)

    def find(descriptors: FloatArray, *_: object) -> FloatArray:
        return np.rad2deg(np.arctan2(descriptors[:, 1], descriptors[:, 0])) % 360.0

    monkeypatch.setattr(discovery, "find_azimuths", find)
    circle = discover_circle(points, mirrored, seed=0, num_discoveries=2)
    assert circle is not None and len(circle.reader.members) == 2
    read = circle.reader.azimuths(points)
    error = align_rings(read, true).error(read, true)
    assert np.median(error) < 6.0 and (error > 90.0).mean() < 0.02


@pytest.mark.parametrize(
    "right", [2, 3]
)  # among the first searches, or one that is to confirm them
def test_a_fold_that_stays_does_not_outdo_the_circle(
    monkeypatch: pytest.MonkeyPatch, right: int
) -> None:
    """By the rating of a search it would."""
    true = azimuths(400, seed=1)
    points, mirrored = detailed(true)
    order = {point.tobytes(): azimuth for point, azimuth in zip(points, true, strict=True)}

    def find(descriptors: FloatArray, _: FloatArray, seed: int, __: float) -> FloatArray:
        azimuth = np.array([order[point.tobytes()] for point in descriptors])
        return azimuth if seed == right else 2 * azimuth % 360.0

    monkeypatch.setattr(discovery, "find_azimuths", find)
    monkeypatch.setattr(discovery, "undo_fold", lambda _, found, __: found)
    monkeypatch.setattr(discovery, "_AGAIN", 1)
    monkeypatch.setattr(discovery, "_CONFIRMED", 9)  # so that it is asked for
    circle = discover_circle(points, mirrored, seed=0, num_discoveries=3)
    assert circle is not None and len(circle.reader.members) == 1
    read = circle.reader.azimuths(points)
    error = align_rings(read, true).error(read, true)
    assert np.median(error) < 6.0 and (error > 90.0).mean() < 0.02


def test_an_arc_is_told_from_a_circle() -> None:
    points, mirrored = whole(azimuths(200, 20.0, 140.0))
    arc = discover_circle(points, mirrored, seed=0, num_discoveries=1)
    assert arc is not None and arc.score < 0.5
    low, high = arc.closure.span
    assert high - low < 300.0  # of a circle that goes all round it is 360


def test_a_cloud_is_no_circle() -> None:
    cloud = np.random.default_rng(0).normal(size=(300, 6))
    assert discover_circle(cloud, cloud * ODD, seed=0, num_discoveries=2) is None


@pytest.mark.parametrize(("end", "way"), [(0, 1), (180, 1), (0, -1), (180, -1)])
def test_a_ring_has_one_end_at_0_and_runs_one_way_however_it_was_found(end: int, way: int) -> None:
    true = azimuths(300)
    pinned, other = pin_ring(true), pin_ring(end + way * true)
    assert circular_distance(pinned, other).max() < 1e-9
    assert circular_mean(pinned) <= 90.0


def test_searches_that_put_photos_elsewhere_leave_a_low_score(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Photos lie on two circles at once, apart by more than 30° for half of them, and alike."""
    half = azimuths(200)
    moved = half + np.random.default_rng(1).normal(0.0, 50.0, 200)
    one, other = np.concatenate([half, moved]), np.concatenate([moved, half])
    points, mirrored = (
        np.concatenate(parts, axis=1) for parts in zip(whole(one), whole(other), strict=True)
    )

    def find(descriptors: FloatArray, _: FloatArray, seed: int, __: float) -> FloatArray:
        plane = descriptors[:, 6 * seed : 6 * seed + 2]  # each search finds another circle
        return np.rad2deg(np.arctan2(plane[:, 1], plane[:, 0])) % 360.0

    monkeypatch.setattr(discovery, "find_azimuths", find)
    monkeypatch.setattr(discovery, "_AGAIN", 0)
    monkeypatch.setattr(discovery, "undo_fold", lambda _, found, __: found)  # either is right
    circle = discover_circle(points, mirrored, seed=0, num_discoveries=2)
    assert circle is not None
    assert circle.closure.score > 0.9 and circle.score < 0.75  # which is reported
    # And the other does not read along: it only makes readings doubtful.
    assert (len(circle.reader.members), len(circle.reader.dissenters)) == (1, 1)


def test_searches_that_fail_are_followed_by_more_until_one_confirms_the_best(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    true = azimuths(400)
    points, mirrored = whole(true)
    seeds = []

    def find(descriptors: FloatArray, _: FloatArray, seed: int, __: float) -> FloatArray:
        seeds.append(seed)
        angle = np.rad2deg(np.arctan2(descriptors[:, 1], descriptors[:, 0])) % 360.0
        return 2 * angle % 360.0 if seed in (1, 2) else angle  # these wind about twice

    monkeypatch.setattr(discovery, "find_azimuths", find)
    monkeypatch.setattr(discovery, "undo_fold", lambda _, found, __: found)
    circle = discover_circle(points, mirrored, seed=0, num_discoveries=3)
    assert seeds == [0, 1, 2, 3]
    assert circle is not None and len(circle.reader.members) == 2 and circle.agreement > 0.95


def test_a_search_reads_as_the_curve_that_it_came_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fitted again to all photos, a curve may go elsewhere: its reader must not stay behind."""
    true = azimuths(400)
    points, mirrored = whole(true)

    def find(descriptors: FloatArray, *_: object) -> FloatArray:
        angle = np.rad2deg(np.arctan2(descriptors[:, 1], descriptors[:, 0]))
        return 2 * angle % 360.0  # winds about twice

    monkeypatch.setattr(discovery, "find_azimuths", find)
    monkeypatch.setattr(Photos, "anneal", lambda photos, _: photos.refine(true))
    circle = discover_circle(points, mirrored, seed=0, num_discoveries=2)
    assert circle is not None and len(circle.reader.members) == 2
    for member in circle.reader.members:
        read = member.azimuths(points)
        assert np.median(align_rings(read, true).error(read, true)) < 6.0
