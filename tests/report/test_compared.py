"""Several pages as one: what is the same thing stands together, and nothing is lost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from synthetic.pages import make_orbit, make_page

from mirage.drawing.tables import Table
from mirage.report.compared import compare_pages
from mirage.report.orbit_view import OrbitView
from mirage.report.page import ReportPage

SETTINGS = Table("Settings that differ", ("", "a", "b"), [["train.steps", "1", "2"]])


def turned(name: str, views: int = 10, offset: float = 0.0) -> OrbitView:
    orbit = make_orbit(views)
    return OrbitView.of_orbit(
        name, replace(orbit, azimuth=(orbit.azimuth + offset) % 360), "soft", {"PSNR": 1.0}
    )


def test_one_photo_turned_by_two_runs_is_turned_side_by_side_from_its_own_azimuth() -> None:
    pages = {
        "a": ReportPage("a", orbits=[turned("only.png"), turned("car.png", offset=40)]),
        "b": ReportPage("b", orbits=[turned("car.png", offset=300)]),
    }
    first, second = compare_pages(pages, SETTINGS).orbits
    assert (first.name, list(first.modes)) == ("car.png", ["a · soft", "b · soft"])
    assert list(first.scores) == ["a · soft", "b · soft"]
    np.testing.assert_allclose(first.azimuth, make_orbit().azimuth, atol=1e-9)
    assert (second.name, list(second.modes)) == ("only.png", ["a · soft"])


def test_views_of_rings_that_turn_opposite_ways_turn_the_same_way() -> None:
    there = turned("car.png", offset=40)
    back = replace(there, azimuth=np.mod(40 - 36.0 * np.arange(10), 360))
    pages = {"a": ReportPage("a", orbits=[there]), "b": ReportPage("b", orbits=[back])}
    (both,) = compare_pages(pages, SETTINGS, {"a": 1, "b": -1}).orbits
    np.testing.assert_allclose(both.azimuth, make_orbit().azimuth, atol=1e-9)
    ours, theirs = both.modes.values()
    np.testing.assert_array_equal(ours, theirs)
    apart = compare_pages(pages | {"b": ReportPage("b", orbits=[there])}, SETTINGS, {"b": -1})
    ours, theirs = apart.orbits[0].modes.values()
    np.testing.assert_array_equal(ours[1:], theirs[:0:-1])  # its views went the other way round


def test_views_that_cannot_stand_side_by_side_stay_apart() -> None:
    pages = {
        "a": ReportPage("a", orbits=[turned("car.png")]),
        "b": ReportPage("b", orbits=[turned("car.png", views=6)]),
    }
    assert [list(v.modes) for v in compare_pages(pages, SETTINGS).orbits] == [
        ["a · soft"],
        ["b · soft"],
    ]


def test_rows_of_one_name_stand_under_each_other_whatever_columns_they_have() -> None:
    def tables(columns: list[str], *rows: list[str | float | None]) -> ReportPage:
        return ReportPage("x", tables=[Table("Views", columns, rows, "note")])

    pages = {
        "a": tables(["", "PSNR", "KID"], ["none", 1.0, 2.0], ["soft", 3.0, 4.0]),
        "b": tables(["", "KID", "FD"], ["soft", 5.0, 6.0]),
    }
    settings, views = compare_pages(pages, SETTINGS).tables
    assert settings is SETTINGS
    assert list(views.columns) == ["", "PSNR", "KID", "FD"] and views.note == "note"
    assert list(views.rows) == [
        ["none · a", 1.0, 2.0, None],
        ["soft · a", 3.0, 4.0, None],
        ["soft · b", None, 5.0, 6.0],
    ]


def test_everything_of_every_run_is_there_under_its_name() -> None:
    page = compare_pages({run: make_page() for run in ("a", "b")}, SETTINGS)
    assert [ring.title for ring in page.rings] == ["a", "b"]
    assert [parts.title for parts in page.parts] == ["a", "b"]
    assert [panel.title for panel in page.training] == ["cars · a", "cars · b"]
    assert len(page.poses) == 4 and len(page.checkpoints) == 2 and len(page.listings) == 4
