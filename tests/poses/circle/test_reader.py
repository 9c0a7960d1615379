"""Readings follow the curve; other discoveries tell how sure they are; arcs are opened."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from synthetic.circles import azimuths, folded, whole

from mirage.core.angles import circular_distance
from mirage.core.contracts import FloatArray
from mirage.poses.circle.reader import ARC, CircleReader, CurveReader, fit_reader
from mirage.poses.circle.timing import Timing

TRUE = azimuths(900)
POINTS, MIRRORED = folded(TRUE)


@pytest.fixture(scope="module")
def reader() -> CurveReader:
    return fit_reader(POINTS[:700], MIRRORED[:700], TRUE[:700])


def test_photos_not_seen_are_read(reader: CurveReader) -> None:
    gap = circular_distance(reader.azimuths(POINTS[700:]), TRUE[700:])
    assert np.median(gap) < 2.0 and gap.max() < 20.0


def test_mirror_images_are_read_at_minus_the_azimuth(reader: CurveReader) -> None:
    gap = circular_distance(reader.azimuths(MIRRORED[700:]), -TRUE[700:])
    assert np.median(gap) < 2.0


@pytest.mark.parametrize(("offset", "direction"), [(70.0, 1), (70.0, -1), (-400.0, 1)])
def test_turning_the_ring_turns_the_readings(
    reader: CurveReader, offset: float, direction: int
) -> None:
    turned = reader.reoriented(offset, direction).azimuths(POINTS)
    wanted = offset + direction * reader.azimuths(POINTS)
    assert circular_distance(turned, wanted).max() < 0.01


def test_agreeing_members_are_sure_and_quarrelling_ones_are_not(reader: CurveReader) -> None:
    agreed = CircleReader((reader, reader, reader)).confidence(POINTS)
    opposed = CircleReader((reader, reader.reoriented(180.0, 1))).confidence(POINTS)
    near = CircleReader((reader, reader.reoriented(10.0, 1))).confidence(POINTS)
    assert np.median(agreed) > 0.99
    assert np.median(opposed) < 0.01
    assert np.median(near) > 0.9


def test_curves_read_together_what_each_reads_alone() -> None:
    """Of three that are off by a common error of their own, the reading is nearer than any."""
    rng = np.random.default_rng(0)
    members = [
        fit_reader(POINTS[rows], MIRRORED[rows], (TRUE[rows] + rng.normal(0, 12)) % 360.0)
        for rows in (slice(0, 300), slice(300, 600), slice(600, 900))
    ]
    alone = [circular_distance(m.azimuths(POINTS), TRUE).mean() for m in members]
    together = circular_distance(CircleReader(tuple(members)).azimuths(POINTS), TRUE).mean()
    assert together < np.mean(alone)


def test_a_dissenter_harms_no_reading_but_the_trust_in_it() -> None:
    """One in which views about one end change places."""
    main = fit_reader(POINTS, MIRRORED, TRUE)
    at_end = circular_distance(TRUE, 0.0) < 45.0
    rival = fit_reader(POINTS, MIRRORED, np.where(at_end, -TRUE, TRUE))
    alone, doubted = CircleReader((main,)), CircleReader((main,), (rival,))
    assert_array_equal(doubted.azimuths(POINTS), alone.azimuths(POINTS))
    apart = at_end & (circular_distance(TRUE, 0.0) > 15.0)  # the others are near either way
    assert doubted.confidence(POINTS)[apart].mean() < 0.6
    assert doubted.confidence(POINTS)[~at_end].mean() > 0.9
    again = CircleReader.from_arrays(doubted.reoriented(30.0, -1).arrays())
    assert (len(again.members), len(again.dissenters)) == (1, 1)
    assert_array_equal(again.dissenters[0].azimuth, rival.reoriented(30.0, -1).azimuth)


def test_how_many_photos_are_from_a_side_tells_nothing_of_another_photo() -> None:
    crowd = np.concatenate([TRUE, azimuths(2700, 0.0, 20.0)])
    points, mirrored = folded(crowd)
    gap = circular_distance(fit_reader(points, mirrored, crowd).azimuths(POINTS), TRUE)
    assert np.median(gap) < 2.0 and gap.max() < 20.0


def test_a_curve_is_the_same_at_other_stations(reader: CurveReader) -> None:
    timed = reader.retimed(Timing(np.array([90.0]), np.array([120.0])))
    elsewhere = timed.at(np.arange(0.0, 360.0, 1.5))
    gap = circular_distance(timed.azimuths(POINTS), elsewhere.azimuths(POINTS))
    assert gap.max() < 0.5


def test_no_photo_is_more_than_sure() -> None:
    """Of photos close to a curve without noise the shares add up to 1 in all ways of rounding."""
    angle = np.linspace(0.0, 360.0, 180, endpoint=False, dtype=np.float32)
    curve = 40 * np.stack([np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))], axis=1)
    plain = np.eye(2, dtype=np.float32), curve
    reader = CurveReader(np.zeros(2, np.float32), *plain, angle)
    photos = curve + np.random.default_rng(0).normal(0, 0.3, (10, 180, 2)).astype(np.float32)
    confidence = CircleReader((reader,)).confidence(photos.reshape(-1, 2))
    assert confidence.max() == 1.0 and confidence.min() > 0.99


def test_strangers_lie_far_from_the_curve(reader: CurveReader) -> None:
    circle = CircleReader((reader,))
    strangers = np.random.default_rng(0).normal(size=(50, 6))
    assert np.median(circle.outlier_score(strangers)) > 10 * np.median(circle.outlier_score(POINTS))


def test_an_arc_is_spread_from_end_to_end_and_never_wraps() -> None:
    true = azimuths(600, 30.0, 150.0)
    points, mirrored = whole(true)
    opened = fit_reader(points, mirrored, true).opened(30.0, 150.0)
    read = opened.azimuths(points)
    inside = (true > 35) & (true < 145)  # at the very ends noise may lead beyond
    assert read[inside].max() <= ARC and np.corrcoef(read[inside], true[inside])[0, 1] > 0.999
    assert np.ptp(read[inside]) > 0.85 * ARC


def test_arrays_restore_the_reader(reader: CurveReader) -> None:
    circle = CircleReader((reader, reader.reoriented(10.0, -1)))
    again = CircleReader.from_arrays(circle.arrays())
    np.testing.assert_array_equal(again.confidence(POINTS), circle.confidence(POINTS))


def test_a_reading_is_as_wide_as_curves_are_apart(reader: CurveReader) -> None:
    agreed = CircleReader((reader, reader)).half_width(POINTS, 0.683)
    assert np.median(agreed) <= 4.0
    apart = CircleReader((reader, reader.reoriented(30.0, 1))).half_width(POINTS, 0.683)
    assert np.median(np.abs(apart - 15.0)) <= 4.0  # the reading is between them
    opposed = CircleReader((reader, reader.reoriented(180.0, 1))).half_width(POINTS, 0.683)
    assert np.median(opposed) > 60.0  # wherever the reading is, half of what is said is far away


def test_re_timing_the_ring_re_times_the_readings(reader: CurveReader) -> None:
    timing = Timing(np.array([60.0, 120.0]), np.array([40.0, 110.0]))
    gap = circular_distance(
        reader.retimed(timing).azimuths(POINTS), timing(reader.azimuths(POINTS))
    )
    assert np.median(gap) < 0.2


def noisy(points: FloatArray, seed: int) -> FloatArray:
    return points + np.random.default_rng(seed).normal(0, 0.15, points.shape)


def test_a_photo_is_read_better_with_its_mirror_image(reader: CurveReader) -> None:
    circle = CircleReader((reader, reader))
    photos, mirrored = noisy(POINTS, 1), noisy(MIRRORED, 2)
    alone = circular_distance(circle.azimuths(photos), TRUE)
    with_image = circular_distance(circle.azimuths(photos, mirrored), TRUE)
    assert with_image.mean() < 0.85 * alone.mean()
    assert (with_image > 90).mean() < (alone > 90).mean()
    back = circle.azimuths(mirrored, photos)
    assert circular_distance(back, -circle.azimuths(photos, mirrored)).max() < 0.1


@pytest.mark.parametrize(("offset", "direction"), [(70.0, 1), (70.0, -1)])
def test_mirror_images_are_opposite_wherever_the_ring_begins(
    reader: CurveReader, offset: float, direction: int
) -> None:
    circle = CircleReader((reader,))
    turned = circle.reoriented(offset, direction).azimuths(POINTS, MIRRORED)
    wanted = offset + direction * circle.azimuths(POINTS, MIRRORED)
    assert circular_distance(turned, wanted).max() < 0.5


def test_what_copies_differ_by_does_not_count() -> None:
    """Photos from elsewhere are off along a direction that tells little more than the others."""
    rng = np.random.default_rng(5)
    along = np.array([0.0, 0.0, 1.0, 0.0, 1.0, 0.0]) / np.sqrt(2)

    def elsewhere(points: FloatArray) -> FloatArray:
        return points + rng.normal(0, 0.4, (len(points), 1)) * along

    copies = elsewhere(POINTS[:700]), TRUE[:700]
    fresh = elsewhere(POINTS[700:])
    without, with_copies = (
        circular_distance(
            fit_reader(POINTS[:700], MIRRORED[:700], TRUE[:700], of).azimuths(fresh), TRUE[700:]
        )
        for of in (None, copies)
    )
    assert (with_copies > 90).mean() < 0.5 * (without > 90).mean()


def test_a_curve_reads_what_a_projection_was_not_applied_to() -> None:
    """Colour is erased where circles are sought, and not where photos are read."""
    projection = np.diag([1.0, 1.0, 1.0, 1.0, 1.0, 0.0])
    fitted = fit_reader(POINTS @ projection, MIRRORED @ projection, TRUE)
    gap = circular_distance(
        fitted.after(projection).azimuths(POINTS), fitted.azimuths(POINTS @ projection)
    )
    assert gap.max() < 0.1
