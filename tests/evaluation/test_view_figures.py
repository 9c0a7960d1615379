"""What views are measured by, on a tiny network and photos of one colour each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from synthetic.photos import MadeUpBackbone, MadeUpBank, MadeUpImages, flat_photo, labels_of
from views_settings import views_config

from mirage.config import Config
from mirage.core.contracts import PosedPhoto
from mirage.evaluation import view_figures
from mirage.evaluation.kept_cases import KeptCase
from mirage.evaluation.view_cases import Case
from mirage.evaluation.view_figures import COPY, NEAREST, NUM_KEPT, RunPhotos, measure_views
from mirage.evaluation.view_summary import Row, by_quarter
from mirage.generation.references import Reference
from mirage.generation.view_generator import ViewGenerator
from mirage.model.denoiser import PoseDenoiser

AZIMUTHS = np.array([0.0, 90.0, 180.0, 270.0])
COLOURS = np.random.default_rng(0).integers(0, 256, (20, 3)).tolist()


class Second:
    """Stands in for a second reader: reads every view 10° off."""

    error = 3.0

    def __call__(self, photos: np.ndarray) -> np.ndarray:
        return AZIMUTHS + 10.0


SECOND: Any = Second()
Measure = Callable[..., dict[str, Any]]


def case(index: int, with_truth: bool = True, path: str = "fresh") -> Case:
    rng = np.random.default_rng([index, 7])
    photo = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
    truth = rng.integers(0, 256, (4, 16, 16, 3), dtype=np.uint8)
    return Case(
        Reference(str(index), path, (PosedPhoto(photo, 1, 90.0),), 1.0, False),
        truth if with_truth else None,
    )


@pytest.fixture
def measure(
    make_denoiser: Callable[..., PoseDenoiser], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Measure:
    images = MadeUpImages(COLOURS, held_out=6)
    photos = RunPhotos(images, labels_of(np.arange(20) % 4), SECOND)  # type: ignore[arg-type]
    generator = ViewGenerator(make_denoiser(), MadeUpBank(), MadeUpBackbone())  # type: ignore[arg-type]

    def run(
        cases: list[Case], modes: tuple[str, ...] = ("soft", "hard"), keep: Path | None = None
    ) -> dict[str, Any]:
        views = views_config(steps=2, solver="euler", pose_interval=[0.0, 99.0], noise="fixed")
        rows = {mode: replace(Config(), views=replace(views, mode=mode)) for mode in modes}
        pairs = [*combinations(modes, 2), *product((COPY, NEAREST), modes)]
        return measure_views(rows, pairs, photos, generator, cases, AZIMUTHS, 0, keep)

    return run


@pytest.fixture
def figures(measure: Measure, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(view_figures, "TOGETHER", 2)  # a batch and a part of one
    return measure([case(i) for i in range(3)])


def by_mode(figures: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["mode"]: row for row in figures["views"]}


def test_modes_stand_beside_what_needs_no_model(figures: dict[str, Any]) -> None:
    rows = by_mode(figures)
    assert list(rows) == [
        "soft",
        "hard",
        "copy the reference",
        "nearest training image",
        "true renders",
    ]
    copy, truth = rows["copy the reference"], rows["true renders"]
    assert copy["to_reference"] == pytest.approx(1.0) == copy["adjacent"]
    assert copy["colour_distance"] == 0.0
    assert "psnr" not in truth and "seconds_a_view" not in truth
    assert rows["soft"]["forwards"] == 2 * (1 + 4 * 2)
    assert rows["soft"]["seconds_a_view"] > 0 and rows["soft"]["peak_memory_mib"] > 1
    assert figures["view_set"] == {
        "backbone": "made_up",
        "objects": 3,
        "views": 4,
        "heldout_images": 6,
        "heldout_halves": figures["view_set"]["heldout_halves"],
        "second_reader_error": 3.0,
    }
    assert set(figures["view_set"]["heldout_halves"]) == {"fd", "kid"}


def test_views_are_read_by_two(figures: dict[str, Any]) -> None:
    for row in figures["views"]:
        assert row["second_error"] == pytest.approx(10.0) and row["second_within"] == 1.0
        assert row["within"] <= 1.0 and row["breathing"] >= 0.0
    assert by_mode(figures)["copy the reference"]["breathing"] == pytest.approx(0.0)


def test_views_are_read_by_where_they_were_asked_for(figures: dict[str, Any]) -> None:
    """One view a quarter here, so that over all quarters shares are those of the row."""
    for mode in ("soft", "hard"):
        quarters = [quarter for quarter in figures["quarters"] if quarter["mode"] == mode]
        assert [quarter["about"] for quarter in quarters] == [0.0, 90.0, 180.0, 270.0]
        for name in ("within", "second_within", "target_pose_accuracy"):
            mean = np.mean([quarter[name] for quarter in quarters])
            assert mean == pytest.approx(by_mode(figures)[mode][name])


def test_a_quarter_ends_halfway_to_the_next() -> None:
    azimuths = np.array([350.0, 44.0, 46.0, 134.0, 181.0])
    away = np.array([[1.0, 3.0, 10.0, 20.0, 90.0], [5.0, 7.0, 30.0, 40.0, 70.0]])
    near = (away <= 15.0).astype(float)
    row = Row({"azimuth_error": away, "within": near}, np.zeros((2, 5, 1)), [])
    assert by_quarter(row, azimuths) == [
        {"about": 0.0, "azimuth_error": 4.0, "within": 1.0},
        {"about": 90.0, "azimuth_error": 25.0, "within": 0.25},
        {"about": 180.0, "azimuth_error": 80.0, "within": 0.0},
    ]


def test_every_figure_has_an_interval_round_it(figures: dict[str, Any]) -> None:
    for row in figures["views"] + figures["differences"]:
        exempt = ("mode", "of", "minus", "intervals", "forwards", "peak_memory_mib")
        assert ("seconds_a_view" in row) == (row.get("mode") in ("soft", "hard"))
        assert set(row["intervals"]) == set(row) - set(exempt)
        for name, ends in row["intervals"].items():
            assert ends["low"] - 1e-12 <= row[name] <= ends["high"] + 1e-12, name


def test_differences_are_those_of_the_rows(figures: dict[str, Any]) -> None:
    rows = by_mode(figures)
    pairs = [(row["of"], row["minus"]) for row in figures["differences"]]
    assert pairs[0] == ("hard", "soft") and len(set(pairs)) == 5
    assert {minus for _, minus in pairs} == {"soft", "copy the reference", "nearest training image"}
    for row in figures["differences"]:
        of, minus = rows[row["of"]], rows[row["minus"]]
        for name in ("psnr", "feature_distance", "target_pose_accuracy", "fd", "kid"):
            assert row[name] == pytest.approx(of[name] - minus[name])
        assert (
            "azimuth_error" not in row and "second_error" not in row
        )  # a difference of medians is of no object


def test_the_first_objects_are_kept_as_every_mode_turned_them(
    measure: Measure, tmp_path: Path
) -> None:
    cases = [case(i) for i in range(NUM_KEPT + 1)]
    measure(cases, keep=tmp_path / "turned")
    kept = [KeptCase.load(folder) for folder in sorted((tmp_path / "turned").iterdir())]
    assert [each.name for each in kept] == [str(i) for i in range(NUM_KEPT)]
    for known, each in zip(cases, kept, strict=False):
        assert list(each.rows) == ["soft", "hard", "true renders"]
        np.testing.assert_array_equal(each.rows["true renders"], known.truth)
        assert each.azimuth.tolist() == AZIMUTHS.tolist() and each.photo_pose == 1
        assert set(each.scores["true renders"]) == {"azimuth_error", "colour_distance"}
    alone = by_mode(measure(cases[:1], keep=tmp_path / "one"))["soft"]
    (one,) = [KeptCase.load(folder) for folder in (tmp_path / "one").iterdir()]
    assert one.scores["soft"]["psnr"] == pytest.approx(alone["psnr"])


def test_views_that_are_the_truth_have_no_distance_from_it(
    measure: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = [case(i) for i in range(2)]
    truths = {c.reference.name: c.truth for c in cases}

    def cheat(
        generator: ViewGenerator,
        references: list[Reference],
        azimuths: list[np.ndarray],
        config: Config,
    ) -> Any:
        for reference, asked in zip(references, azimuths, strict=True):
            frames = truths[reference.name]
            assert frames is not None
            noisy = frames ^ (config.views.mode == "soft")  # the last bit, in one of the modes
            yield type("Orbit", (), {"frames": noisy[: len(asked)]})

    monkeypatch.setattr(view_figures, "sample", cheat)
    rows = by_mode(measure(cases))
    assert rows["hard"]["feature_distance"] == pytest.approx(0.0, abs=1e-9)
    assert rows["hard"]["ssim"] == pytest.approx(1.0)
    assert rows["soft"]["psnr"] == pytest.approx(20 * np.log10(255))
    for name in ("fd", "kid", "adjacent", "azimuth_error", "target_pose_accuracy"):
        assert rows["hard"][name] == pytest.approx(rows["true renders"][name]), name


def test_photos_have_no_truth_and_are_not_compared_with_themselves(measure: Measure) -> None:
    """The references are held-out photos: their objects leave the held-out set."""
    figures = measure([case(0, False, "14.png"), case(1, False, "16.png")], ("soft",))
    rows = by_mode(figures)
    assert list(rows) == ["soft", "copy the reference", "nearest training image"]
    assert not any({"psnr", "ssim", "feature_distance"} & set(row) for row in rows.values())
    assert figures["view_set"]["heldout_images"] == 2  # 18 and 19; 15 and 17 are of their objects
    assert "fd" in rows["soft"] and "kid" in rows["soft"]


def test_one_object_has_figures_without_intervals(measure: Measure) -> None:
    row = by_mode(measure([case(0)], ("none",)))["none"]
    assert row["intervals"] == {} and np.isfinite(row["fd"]) and row["forwards"] == 2 * 4 * 2


def test_the_nearest_training_image_has_the_pose_asked_for(measure: Measure) -> None:
    """A reference of a training photo's colour gets that photo where its pose is asked for."""
    photos = (PosedPhoto(flat_photo(COLOURS[5]), 1, 90.0),)
    reference = replace(case(0).reference, photos=photos)
    row = by_mode(measure([Case(reference, np.stack([flat_photo(COLOURS[5])] * 4))], ("none",)))
    nearest = row["nearest training image"]
    assert nearest["psnr"] == np.inf  # photo 5 has pose 1, and is all that the view there should be
