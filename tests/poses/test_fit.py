"""From descriptors to a bank: number of poses, two levels, mirror pairs, arcs, outliers, front."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from synthetic.circles import azimuths, folded, whole

from mirage.config import BackboneConfig, PosesConfig
from mirage.core.angles import align_rings, circular_distance
from mirage.core.contracts import FloatArray
from mirage.core.errors import MirageError
from mirage.parts.codebook import PartCodebook
from mirage.parts.foreground import Foreground
from mirage.poses import fit as fitting
from mirage.poses.bank import PoseBank
from mirage.poses.bank_file import load_bank, save_bank
from mirage.poses.circle.closure import Closure
from mirage.poses.circle.discovery import Circle, discover_circle
from mirage.poses.circle.reader import CircleReader, fit_reader
from mirage.poses.description.described import Sampled
from mirage.poses.description.descriptor import LayoutEncoder
from mirage.poses.fit import fit_bank

EYE = np.eye(4, dtype=np.float32)
ENCODER = LayoutEncoder(
    PartCodebook(EYE[0], EYE, EYE, 0.1),
    Foreground(EYE[0], 0.0),
    np.ones(4, np.float32),
    1,
    EYE[0],
    EYE,
)  # not asked here
TRUE = azimuths(600)
POINTS, MIRRORED = (part.astype(np.float32) for part in folded(TRUE))


def outline(azimuth: np.ndarray) -> np.ndarray:
    """Of a body that is longer than wide, as broad at the top as below."""
    broad = 2.0 - np.cos(2 * np.deg2rad(azimuth))
    return np.stack([broad, np.ones_like(broad)], axis=1)


SAMPLE = Sampled(POINTS, MIRRORED, outline(TRUE))


def fit(**changes: object) -> PoseBank:
    config = PosesConfig(**({"count": 12, "discoveries": 2} | changes))  # type: ignore[arg-type]
    return fit_bank(SAMPLE, BackboneConfig(), ENCODER, config)


@pytest.fixture(scope="module", autouse=True)
def discovered_once() -> Iterator[None]:
    """A circle is searched for in the same photos once: what comes after is tested here."""
    found: dict[tuple[Any, ...], Circle | None] = {}

    def discover(descriptors: FloatArray, *how: Any) -> Circle | None:
        key = (descriptors.tobytes(), *how[1:])
        if key not in found:
            found[key] = discover_circle(descriptors, *how)
        return found[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "discover_circle", discover)
        yield


@pytest.fixture(scope="module")
def bank() -> PoseBank:
    return fit()


def test_mirror_pairs_are_pairs_and_lie_opposite_on_the_ring(bank: PoseBank) -> None:
    np.testing.assert_array_equal(bank.mirror[bank.mirror], np.arange(12))
    assert bank.circle is not None
    axis = float(bank.circle.members[0].azimuth[0])
    ring = bank.ring.azimuth
    assert circular_distance(ring[bank.mirror], 2 * axis - ring).max() < 1.0


def test_labels_of_mirror_images_need_no_second_look(bank: PoseBank) -> None:
    expected = bank.assign_descriptors(MIRRORED)
    flipped = bank.flipped(bank.assign_descriptors(POINTS))
    assert flipped is not None
    assert (flipped.pose == expected.pose).mean() > 0.9
    assert np.median(circular_distance(flipped.azimuth, expected.azimuth)) < 2.0


def test_strangers_are_flagged_and_members_are_not(bank: PoseBank) -> None:
    strangers = np.random.default_rng(0).normal(size=(100, 6)).astype(np.float32)
    assert bank.assign_descriptors(strangers).outlier.mean() > 0.9
    assert bank.assign_descriptors(POINTS).outlier.mean() < 0.03


def test_the_number_of_poses_is_chosen_and_said_why() -> None:
    bank = fit(count="auto", discoveries=1)
    assert bank.num_poses == bank.choice.chosen > 8
    assert len(bank.choice.candidates) > 5 and str(bank.num_poses) in bank.choice.why


def test_every_fine_pose_knows_its_coarse_pose() -> None:
    bank = fit(count=[4, 12], discoveries=1)
    assert bank.num_poses == 12 and bank.parents is not None
    assert set(bank.parents) == set(range(4))
    for parent in range(4):  # a coarse pose is one stretch of the ring
        own = np.sort(bank.ring.azimuth[bank.parents == parent])
        widest = np.diff(np.append(own, own[0] + 360)).max()
        assert 360 - widest < 150


def test_a_pose_can_be_put_at_the_front_and_must_exist() -> None:
    assert circular_distance(fit(anchors={3: 0.0}, discoveries=1).ring.azimuth[3], 0.0) < 0.01
    with pytest.raises(MirageError, match=r"poses\.anchors"):
        fit(anchors={12: 0.0}, discoveries=1)


@pytest.mark.e2e
def test_poses_come_to_their_anchors_and_photos_keep_their_poses(bank: PoseBank) -> None:
    at = bank.ring.azimuth
    inner = [int(np.argmin(circular_distance(at, place))) for place in (50.0, 120.0)]
    asked = {pose: 180.0 - float(at[pose]) + 8.0 for pose in inner}  # from the other end, and on
    moved = fit(anchors=asked)
    assert moved.circle is not None and bank.circle is not None
    for pose, azimuth in asked.items():
        assert circular_distance(moved.ring.azimuth[pose], azimuth) < 0.1
        assert circular_distance(moved.ring.azimuth[bank.mirror[pose]], -azimuth) < 1.0
    assert bank.timing_error is not None and moved.timing_error is not None
    assert moved.timing_error < bank.timing_error
    before, after = (b.assign_descriptors(POINTS) for b in (bank, moved))
    assert (before.pose == after.pose).mean() > 0.95
    reading = circular_distance(after.azimuth, 180.0 - before.azimuth)
    assert reading.max() < 12.0 and np.median(reading) > 3.0
    flipped = moved.flipped(after)
    assert flipped is not None
    assert np.median(circular_distance(flipped.azimuth, -after.azimuth)) < 0.01


@pytest.mark.e2e
def test_an_arc_has_a_low_score_and_a_span() -> None:
    true = azimuths(600, 20.0, 140.0)
    points, mirrored = (part.astype(np.float32) for part in whole(true))
    arc_sample = Sampled(points, mirrored, np.ones((len(points), 3)))
    config = PosesConfig(count=6, discoveries=2)
    arc = fit_bank(arc_sample, BackboneConfig(), ENCODER, config)
    assert arc.ring.score < 0.5 and not arc.ring.closed and arc.timing_error is None
    assert arc.flipped(arc.assign_descriptors(points)) is None
    one = replace(config, discoveries=1, anchors={2: 30.0})
    turned = fit_bank(arc_sample, BackboneConfig(), ENCODER, one)
    assert circular_distance(turned.ring.azimuth[2], 30.0) < 0.01
    with pytest.raises(MirageError, match="do not go all round"):
        two = replace(config, discoveries=1, anchors={2: 30.0, 3: 60.0})
        fit_bank(arc_sample, BackboneConfig(), ENCODER, two)


def test_a_saved_bank_says_the_same(bank: PoseBank, tmp_path: Path) -> None:
    save_bank(bank, tmp_path / "bank.safetensors")
    again = load_bank(tmp_path / "bank.safetensors")
    one, other = (b.assign_descriptors(POINTS[:50]) for b in (bank, again))
    for name in ("pose", "azimuth", "confidence", "outlier", "topk_weight"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert again.choice == bank.choice and again.ring.span == bank.ring.span
    assert again.timing_error == bank.timing_error is not None


def test_a_stretched_circle_is_timed_by_outlines(monkeypatch: pytest.MonkeyPatch) -> None:
    s = np.linspace(0.0, 360.0, 3601)
    stretched = np.interp(TRUE, s - 20.0 * np.sin(np.deg2rad(s)), s)
    reader = CircleReader((fit_reader(POINTS, MIRRORED, stretched),) * 2)
    found = Circle(reader, Closure(1.0, (0.0, 360.0)), 1.0)
    monkeypatch.setattr(fitting, "discover_circle", lambda *_: found)
    flat = Sampled(POINTS, MIRRORED, np.ones((len(POINTS), 2)))
    config = PosesConfig(count=12)
    banks = [fit_bank(sample, BackboneConfig(), ENCODER, config) for sample in (flat, SAMPLE)]
    labels = [bank.assign_descriptors(POINTS) for bank in banks]
    errors = [circular_distance(label.azimuth, TRUE).mean() for label in labels]
    assert errors[0] > 8.0 and errors[1] < 3.0
    assert labels[1].confidence.mean() > 0.9  # the second curve is timed as the first
    known = [bank.timing_error for bank in banks]
    assert known[0] is not None and known[1] is not None and known[1] < 0.6 * known[0]


def test_an_azimuth_has_an_error_where_the_circle_is_timed(bank: PoseBank) -> None:
    error = bank.assign_descriptors(POINTS).azimuth_error
    assert error is not None and bank.timing_error is not None
    assert (error >= bank.timing_error).all() and np.median(error) < bank.timing_error + 5.0
    untimed = replace(bank, timing_error=None).assign_descriptors(POINTS)
    assert untimed.azimuth_error is None


def test_poses_are_read_by_colours_that_the_search_did_not_see() -> None:
    """The sixth coordinate is a colour; descriptors are read with it, and found without."""
    eraser = np.diag([1.0, 1.0, 1.0, 1.0, 1.0, 0.0])
    sample = replace(SAMPLE, eraser=eraser)
    config = PosesConfig(count=12, discoveries=2)
    bank = fit_bank(sample, BackboneConfig(), ENCODER, config)
    np.testing.assert_array_equal(bank.encoder.basis, ENCODER.basis)
    assert bank.circle is not None and np.abs(bank.circle.members[0].whiten[5]).max() > 0.1
    read = bank.assign_descriptors(POINTS, MIRRORED).azimuth
    assert np.median(align_rings(read, TRUE).error(read, TRUE)) < 5.0


def test_where_no_circle_is_found_colours_stay_erased(monkeypatch: pytest.MonkeyPatch) -> None:
    eraser = np.diag([1.0, 1.0, 1.0, 1.0, 1.0, 0.0])
    encoder = replace(ENCODER, basis=np.eye(4, 6, dtype=np.float32))
    monkeypatch.setattr(fitting, "discover_circle", lambda *_: None)
    bank = fit_bank(replace(SAMPLE, eraser=eraser), BackboneConfig(), encoder, PosesConfig(count=6))
    np.testing.assert_allclose(bank.encoder.basis, np.eye(4, 6) @ eraser)
    assert np.abs(bank.centroids[:, 5]).max() < 1e-6


def test_mirror_images_of_a_full_circle_are_read_too(bank: PoseBank) -> None:
    random = np.random.default_rng(0)
    photos, mirrored = (
        (part + random.normal(0, 0.15, part.shape)).astype(np.float32)
        for part in (POINTS, MIRRORED)
    )
    clean = bank.assign_descriptors(POINTS).azimuth
    alone, both = (
        circular_distance(labels.azimuth, clean).mean()
        for labels in (bank.assign_descriptors(photos), bank.assign_descriptors(photos, mirrored))
    )
    assert bank.is_round and both < 0.9 * alone
    arc = replace(bank, ring=replace(bank.ring, score=0.1, span=(0.0, 300.0)))
    assert not arc.is_round
    np.testing.assert_array_equal(
        arc.assign_descriptors(photos, mirrored).azimuth, arc.assign_descriptors(photos).azimuth
    )
