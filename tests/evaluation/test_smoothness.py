"""Evenness of a turn, on films made up to be even, or to jump."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from processes import share_out

from mirage.config import Config
from mirage.core.contracts import ByteArray, FloatArray, PosedPhoto, PoseRing
from mirage.evaluation import smoothness
from mirage.evaluation.smoothness import measure_smoothness, smoothness_tables
from mirage.evaluation.view_cases import Case
from mirage.generation.references import Reference

RING = PoseRing(np.array([0.0, 90.0, 180.0, 270.0]), 0.9)


class ViewGenerator:
    class bank:  # noqa: N801
        ring = RING


def film(azimuths: FloatArray, jump: float) -> ByteArray:
    """A grey that goes up and down evenly round the circle, and jumps between poses."""
    pose = np.abs(azimuths[:, None] - np.array([0.0, 90.0, 180.0, 270.0, 360.0])).argmin(axis=1) % 4
    even = 180.0 - np.abs(azimuths - 180.0) * 0.8
    grey = even + jump * (pose % 2)
    return np.broadcast_to(grey[:, None, None, None], (len(azimuths), 8, 8, 3)).astype(np.uint8)


class Turned:
    def __init__(self, frames: ByteArray) -> None:
        self.frames = frames


def case_called(name: str) -> Case:
    photo = PosedPhoto(np.zeros((8, 8, 3), np.uint8), 0, 0.0)
    reference = Reference(name, name, (photo,), 1.0, False)
    return Case(reference, None, lambda azimuths: film(azimuths, 0.0))


@pytest.mark.parametrize("jump", [0.0, 60.0])
def test_a_jump_at_a_poses_border_shows(jump: float, monkeypatch: pytest.MonkeyPatch) -> None:
    def sample(generator: Any, references: Any, azimuths: Any, config: Any) -> list[Turned]:
        return [Turned(film(asked, jump)) for asked in azimuths]

    monkeypatch.setattr(smoothness, "sample", sample)
    case, generator = case_called("a"), ViewGenerator()
    turns = measure_smoothness(Config(), generator, [case, case], 0)  # type: ignore[arg-type]
    rows = {row["of"]: row for row in turns["rows"]}
    assert rows["true renders"]["border"] == pytest.approx(1.0, abs=0.1)
    assert rows["true renders"]["largest"] < 1.6
    if jump:
        assert rows["soft"]["border"] > 5 and rows["soft"]["largest"] > 3
    else:
        assert rows["soft"] == rows["true renders"] | {"of": "soft"}
    (table,) = smoothness_tables(turns)
    assert [row[0] for row in table.rows] == ["soft", "true renders"]
    assert smoothness_tables(None) == []


def test_processes_share_the_objects_and_find_what_one_finds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    turned: list[str] = []

    def sample(generator: Any, references: Any, azimuths: Any, config: Any) -> list[Turned]:
        turned.extend(of.name for of in references)
        pairs = zip(references, azimuths, strict=True)
        return [Turned(film(asked, 10.0 * int(of.name))) for of, asked in pairs]

    monkeypatch.setattr(smoothness, "sample", sample)
    cases, generator = [case_called(str(i)) for i in range(5)], ViewGenerator()
    alone = measure_smoothness(Config(), generator, cases, 0)  # type: ignore[arg-type]
    turned.clear()
    shared = share_out(2, lambda ranks: measure_smoothness(Config(), generator, cases, 0, ranks))  # type: ignore[arg-type]
    assert shared == [alone, alone]
    assert sorted(turned) == ["0", "1", "2", "3", "4"]
