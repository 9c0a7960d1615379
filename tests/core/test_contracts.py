"""What passes between stages is checked when it is made."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, asdict, replace

import numpy as np
import pytest
import torch

from mirage.core.contracts import (
    Frame,
    Framing,
    Orbit,
    PoseCondition,
    PoseLabels,
    PoseRing,
    check_shape,
)
from mirage.core.errors import MirageError


def labels(**changes: np.ndarray) -> PoseLabels:
    fields = {
        "pose": np.zeros(3, int),
        "confidence": np.ones(3),
        "azimuth": np.zeros(3),
        "topk": np.zeros((3, 2), int),
        "topk_weight": np.full((3, 2), 0.5),
        "outlier": np.zeros(3, bool),
    }
    return PoseLabels(**(fields | changes))


def test_shapes_are_compared_axis_by_axis() -> None:
    check_shape("x", np.zeros((2, 5)), (None, 5))
    for shape in ((2, 4), (2,), (2, 5, 1)):
        with pytest.raises(ValueError, match=r"x has shape \(2, 5\)"):
            check_shape("x", np.zeros((2, 5)), shape)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("confidence", np.ones(2)),
        ("azimuth", np.ones((3, 1))),
        ("topk_weight", np.ones((3, 3))),
        ("topk", np.zeros((2, 2), int)),
    ],
)
def test_labels_of_unequal_length_are_refused(name: str, value: np.ndarray) -> None:
    assert len(labels()) == 3
    with pytest.raises(ValueError, match="has shape"):
        labels(**{name: value})


def test_a_ring_scores_between_nought_and_one() -> None:
    assert PoseRing(np.zeros(5), 1.0).num_poses == 5
    for score in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="score"):
            PoseRing(np.zeros(5), score)
    with pytest.raises(ValueError, match="azimuth"):
        PoseRing(np.zeros((5, 2)), 0.5)


def test_the_null_condition_is_another_object() -> None:
    condition = PoseCondition(torch.tensor([3, 1]), torch.tensor([10.0, 20.0]))
    null = condition.null()
    assert null.pose.tolist() == [-1, -1] and null.pose.dtype == torch.int64
    assert condition.pose.tolist() == [3, 1] and len(null) == 2
    with pytest.raises(ValueError, match="azimuth"):
        PoseCondition(torch.tensor([3, 1]), torch.zeros(1))
    with pytest.raises(FrozenInstanceError):
        condition.pose = null.pose  # type: ignore[misc]


def test_an_orbit_has_one_size_and_one_length() -> None:
    photo, frames = np.zeros((4, 4, 3), np.uint8), np.zeros((2, 4, 4, 3), np.uint8)
    Orbit(photo, frames, np.zeros(2), np.zeros(2, int), 0)
    with pytest.raises(ValueError, match="reference"):
        Orbit(photo[:3], frames, np.zeros(2), np.zeros(2, int), 0)
    with pytest.raises(ValueError, match="pose"):
        Orbit(photo, frames, np.zeros(2), np.zeros(3, int), 0)


def test_an_error_says_what_where_and_what_to_do() -> None:
    assert str(MirageError("bad", where="there", todo="mend it")).splitlines() == [
        "bad",
        "  where: there",
        "  do:    mend it",
    ]
    assert str(MirageError("bad")) == "bad"


def test_rows_are_replaced_and_an_error_stays_known_only_if_both_know_it() -> None:
    told = labels(azimuth_error=np.ones(3))
    rows, others = np.array([1]), labels(azimuth=np.full(3, 7.0)).take(np.array([0]))
    assert told.with_rows(rows, others).azimuth.tolist() == [0.0, 7.0, 0.0]
    assert told.with_rows(rows, others).azimuth_error is None
    both = told.with_rows(rows, replace(others, azimuth_error=np.full(1, 9.0)))
    assert both.azimuth_error is not None and both.azimuth_error.tolist() == [1.0, 9.0, 1.0]
    assert told.azimuth.tolist() == [0.0, 0.0, 0.0]


def test_the_window_has_the_object_where_others_have_it() -> None:
    frame, into = Frame(0.2, 0.6, 0.2, 0.1), Frame(0.5, 0.55, 0.8, 0.6)
    left, top, side = frame.window(into)
    assert ((frame.x - left) / side, (frame.y - top) / side) == pytest.approx((0.5, 0.55))
    assert frame.width / side == pytest.approx(0.8) and frame.height / side <= 0.6


def test_a_framing_comes_back_from_its_facts() -> None:
    framing = Framing(Frame(0.5, 0.5, 0.7, 0.7), 0.3, Frame(0.5, 0.5, 0.8, 0.4))
    assert Framing.from_dict(asdict(framing)) == framing
    assert Framing.from_dict({}) == Framing()
    assert framing.window(None) is None and Framing().window(Frame(0.5, 0.5, 1, 1)) is None
