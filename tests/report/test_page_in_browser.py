"""The page as a person uses it, in a headless Chromium: nothing is fetched, nothing complains."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import numpy as np
import pytest
from opened_pages import PATIENCE, Opener, brightness, names_shown, side_shown
from PIL import Image
from synthetic.pages import HOSTILE, make_page, make_ring, make_view

from mirage.drawing.tables import Table
from mirage.report.compared import compare_pages
from mirage.report.page import ReportPage

pytestmark = pytest.mark.browser


def test_keys_drags_and_clicks_turn_all_modes_together(visit: Opener) -> None:
    card = visit(make_page()).locator("#views .orbit")
    hard, negative = card.locator(".stage").all()
    said = card.locator("output")

    def shows(view: int) -> None:
        assert said.inner_text() == f"{36 * view}° · pose {view % 4}"
        assert abs(brightness(hard) - 20 * view) < 4
        assert abs(brightness(negative) - (255 - 20 * view)) < 4

    shows(0)
    for key, view in [("ArrowRight", 1), ("ArrowLeft", 0), ("ArrowLeft", 9), ("Home", 0)]:
        hard.press(key)
        assert said.inner_text().startswith(f"{36 * view}°")
    negative.press("End")
    shows(9)
    card.locator(".thumb[data-index='4']").first.click()
    shows(4)
    box = hard.bounding_box()
    x, y = box["x"] + 10, box["y"] + box["height"] / 2
    mouse = hard.page.mouse
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + box["width"] * 1.2 * 3 / 10, y)  # three of ten views
    mouse.up()
    shows(7)


def test_playing_turns_and_those_who_want_no_motion_are_spared(visit: Opener) -> None:
    from playwright.sync_api import expect

    calm, lively = (visit(make_page(), reduced_motion=m) for m in ("reduce", "no-preference"))
    assert calm.locator(".play[aria-pressed=true]").count() == 0
    turning = lively.locator(".turning")
    expect(turning.locator("input")).not_to_have_value("0", timeout=PATIENCE)
    turning.locator(".play").click()
    assert turning.locator(".play").get_attribute("aria-pressed") == "false"


def test_references_are_found_by_name_pose_and_score(visit: Opener) -> None:
    page = visit(make_page(references=6))
    everything = [f"{i} cars" for i in range(6)]
    assert names_shown(page) == everything
    page.get_by_label("Pose of the photo").select_option("1")
    assert names_shown(page) == ["1 cars", "5 cars"]
    page.get_by_label("at least").fill("2")
    assert names_shown(page) == ["5 cars"]
    assert page.locator(".filters .count").inner_text() == "1 of 6"
    page.get_by_label("Pose of the photo").select_option("")
    page.get_by_label("Order").select_option("best first")
    assert names_shown(page) == ["5 cars", "4 cars", "3 cars", "2 cars"]
    page.get_by_label("Name").fill("4 C")
    assert names_shown(page) == ["4 cars"]


def test_modes_are_hidden_but_never_the_last(visit: Opener) -> None:
    page = visit(make_page())
    for section, other in (("#views", "#modes"), ("#modes", "#views")):
        before = page.locator(f"{other} .stage:visible").count()
        hard, negative = page.locator(f"{section} .modes label").all()
        hard.click()
        assert page.locator(f"{section} .stage:visible").count() == 1
        negative.click()
        assert page.locator(f"{section} .stage:visible").count() == 1
        assert page.locator(f"{other} .stage:visible").count() == before


@pytest.mark.parametrize("scores", [[2 / 3, 0.7, 1.0], [1 / 3, 2 / 3, 8 / 9, 2 / 3], [1 / 7] * 2])
def test_at_rest_a_slider_hides_nothing_and_at_its_end_the_best_stay(
    visit: Opener, scores: list[float]
) -> None:
    """A browser rounds what a slider holds: two thirds to 0.666667, which is more."""
    views = [make_view(f"{i} car", "soft", 0, score) for i, score in enumerate(scores)]
    page = visit(ReportPage("rounded", orbits=views))
    assert len(names_shown(page)) == len(scores)
    page.get_by_label("at least").press("End")
    best = [f"{i} car" for i, score in enumerate(scores) if score == max(scores)]
    assert names_shown(page) == best


def test_a_pose_picked_on_the_ring_shows_its_photos_and_those_turned(visit: Opener) -> None:
    page = visit(make_page(references=6))
    button = page.get_by_role("button", name="pose 3 ·")
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    assert page.locator(".members img:visible").count() == 3
    button.press("ArrowRight")  # the ring closes: pose 2 stands at its top
    assert page.locator(".members img:visible").count() == 2
    page.get_by_role("button", name="see its turned photo").click()
    assert names_shown(page) == ["2 cars"]


def test_azimuths_that_a_person_gives_poses_come_back_as_a_command(visit: Opener) -> None:
    ring = replace(make_ring(), command="mirage poses 'run=runs/mine'")
    page = visit(replace(make_page(), rings=[ring]))
    command = page.locator(".anchors pre")
    assert not command.is_visible()
    page.get_by_role("button", name="pose 3 ·").click()
    page.get_by_label("Azimuth of pose 3, degrees").fill("90")
    assert command.inner_text() == "mirage poses 'run=runs/mine' poses.anchors='{3: 90}'"
    page.get_by_label("Show all poses").check()
    assert page.locator(".members figure:visible").count() == 4
    page.get_by_label("Azimuth of pose 2, degrees").fill("-12.5")
    in_ring_order = "poses.anchors='{2: -12.5, 3: 90}'"
    assert command.inner_text().endswith(in_ring_order)
    page.get_by_label("Show all poses").uncheck()
    page.get_by_label("Azimuth of pose 3, degrees").fill("")
    assert command.inner_text().endswith("poses.anchors='{2: -12.5}'")


def test_parts_are_laid_over_photos_and_taken_away(visit: Opener) -> None:
    page = visit(make_page())
    photo = page.locator(".layers").first
    painted = brightness(photo)
    page.get_by_role("checkbox", name="cars").last.uncheck(force=True)
    assert abs(brightness(photo) - 128) < 3 < abs(painted - 128)


def test_words_that_try_to_be_a_script_are_only_words(visit: Opener) -> None:
    page = visit(make_page(HOSTILE, references=2))
    assert page.locator("h1").inner_text() == HOSTILE == page.title()
    assert names_shown(page) == [f"0 {HOSTILE}", f"1 {HOSTILE}"]
    page.locator("#views .stage").first.press("ArrowRight")
    assert page.locator("#views .orbit output").first.inner_text() == "36° · pose 1"
    assert page.locator("img[src='x']").count() == 0


@pytest.mark.parametrize("answer", ["resolve", "reject", "never"])
def test_commands_are_copied_or_at_least_selected(visit: Opener, answer: str) -> None:
    from playwright.sync_api import expect

    page = visit(make_page())
    # What the button says is written down as it says it: a busy machine can miss two seconds.
    page.evaluate(
        """(answer) => {
            navigator.clipboard.writeText = () => new Promise((resolve, reject) => {
                if (answer !== "never") ({ resolve, reject })[answer]();
            });
            document.execCommand = () => false;
            const button = document.querySelector(".copy");
            button.dataset.said = "";
            new MutationObserver(() => { button.dataset.said += " " + button.textContent; })
                .observe(button, { childList: true });
        }""",
        answer,
    )
    button = page.locator(".copy").first
    button.click()
    assert page.evaluate("getSelection().toString().trim()") == "cars"
    outcome = "Copied" if answer == "resolve" else "Selected"
    expect(button).to_have_attribute("data-said", re.compile(f"{outcome} Copy$"), timeout=PATIENCE)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_sticks_out_on_a_phone_and_the_page_is_as_dark_as_asked(
    visit: Opener, scheme: str
) -> None:
    page = visit(make_page(), viewport={"width": 360, "height": 740}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    corner = page.screenshot(clip={"x": 0, "y": 0, "width": 8, "height": 8})
    assert (np.asarray(Image.open(io.BytesIO(corner)).convert("L")).mean() < 60) == (
        scheme == "dark"
    )


def test_of_many_references_only_those_in_sight_are_drawn(visit: Opener) -> None:
    page = visit(make_page(references=40))
    drawn = "(card) => card.querySelector('.stage').checkVisibility({contentVisibilityAuto: true})"
    first, last = (page.locator("#views .orbit").nth(i) for i in (0, 39))
    first.scroll_into_view_if_needed()
    assert first.evaluate(drawn) and not last.evaluate(drawn)
    for _ in range(200):  # cards get their own height as they come into sight, and move the last
        last.scroll_into_view_if_needed()
        page.wait_for_timeout(50)
        if last.evaluate(drawn):
            break
    assert last.evaluate(drawn) and not first.evaluate(drawn)
    assert abs(brightness(last.locator(".stage").last) - 255) < 4


def test_runs_are_turned_side_by_side(visit: Opener) -> None:
    settings = Table("Settings that differ", ("", "a", "b"), [["train.steps", "1", "2"]])
    page = visit(compare_pages({"a": make_page(), "b": make_page()}, settings))
    card = page.locator("#views .orbit")
    assert card.locator("figcaption b").all_inner_texts() == [
        "photo",
        "a · hard",
        "a · cars",
        "b · hard",
        "b · cars",
    ]
    stages = card.locator(".stage").all()
    stages[0].press("ArrowRight")
    assert abs(brightness(stages[0]) - 20) < 4 and abs(brightness(stages[2]) - 20) < 4
    assert page.locator(".ring-browser").count() == 2


def test_an_object_is_turned_by_dragging_and_by_keys(visit: Opener) -> None:
    from playwright.sync_api import expect

    page = visit(make_page())
    canvas = page.locator("#objects canvas")
    canvas.scroll_into_view_if_needed()
    if page.locator("#objects .object figcaption", has_text="nothing in 3D").count():
        pytest.skip("this Chromium draws no WebGL")

    def turned(yaw: int, pitch: int) -> str:
        expect(canvas).to_have_attribute("data-turned", f"{yaw} {pitch}", timeout=PATIENCE)
        return side_shown(canvas)

    assert turned(0, 0) == "+z"
    for _ in range(9):
        canvas.press("ArrowRight")
    assert turned(90, 0) == "-x"  # counter-clockwise from above, as the cameras turn objects
    for _ in range(9):
        canvas.press("ArrowDown")
    assert turned(90, 90) == "+y"
    for _ in range(20):
        canvas.press("ArrowUp")
    assert turned(90, -90) == "-y"  # and no further
    for _ in range(9):
        canvas.press("ArrowDown")
    box, mouse = canvas.bounding_box(), page.mouse
    x, y = box["x"] + box["width"] / 4, box["y"] + box["height"] / 2
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + box["width"] / 2, y)
    mouse.up()
    assert turned(180, 0) == "-z"
