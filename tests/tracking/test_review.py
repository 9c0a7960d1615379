"""Views to be judged: every one in the table, with what was asked of it and what it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from offline_runs import read_runs
from PIL import Image
from views_settings import views_config

from mirage.core.contracts import Orbit
from mirage.drawing.films import save_gif
from mirage.metrics.views import colour_distance
from mirage.tracking.logger import Record, recording
from mirage.tracking.review import Reading, log_views, review_rows

pytestmark = pytest.mark.usefixtures("nobody")

CONFIG = views_config(mode="hard", seed=7)
READING = Reading(np.array([0, 1, 1]), np.array([350.0, 121.0, 100.0]), np.array([0.9, 1.0, 0.5]))


@pytest.fixture
def orbit() -> Orbit:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
    return Orbit(pixels[0], pixels[1:], np.array([10.0, 130.0, 250.0]), np.array([0, 1, 2]), 0)


def test_the_table_holds_a_row_a_view(tmp_path: Path, orbit: Orbit) -> None:
    rows = [
        *review_rows("read", orbit, READING, CONFIG, 40),
        *review_rows("unread", orbit, None, CONFIG, 40),
    ]
    film = tmp_path / "a.gif"
    save_gif(orbit.frames, film)
    with recording(Record(tmp_path / "run" / "views" / "wandb", "a", "views")) as run:
        log_views(run, Image.new("RGB", (9, 9)), {"read": film, "unread": film}, rows, 40)
    (recorded,) = read_runs(tmp_path)
    (table,) = recorded.tables("views/review")
    assert [row["reference"] for row in table] == ["read"] * 3 + ["unread"] * 3
    assert [row["azimuth_error"] for row in table] == [20.0, 9.0, 150.0, None, None, None]
    assert [row["pose_found"] for row in table] == [0, 1, 1, None, None, None]
    assert [row["pose_asked"] for row in table] == [0, 1, 2] * 2
    assert {(row["mode"], row["seed"], row["step"]) for row in table} == {("hard", 7, 40)}
    distance = colour_distance(orbit.reference, orbit.frames)
    assert [row["colour_distance"] for row in table] == pytest.approx([*distance, *distance])
    for row in table:
        assert (np.asarray(Image.open(row["photo"])) == orbit.reference).all()
        assert (np.asarray(Image.open(row["picture"])) == orbit.frames[row["view"]]).all()


def test_scores_are_means_over_what_was_read(tmp_path: Path, orbit: Orbit) -> None:
    for name, reading in (("read", READING), ("unread", None)):
        rows = review_rows(name, orbit, reading, CONFIG, 40)
        with recording(Record(tmp_path / name / "views" / "wandb", "a", "views")) as run:
            log_views(run, Image.new("RGB", (9, 9)), {}, rows, 40)
    (read,), (unread,) = (read_runs(tmp_path / name)[0].history for name in ("read", "unread"))
    assert read["views/target_pose_accuracy"] == pytest.approx(2 / 3)
    assert read["views/azimuth_error"] == pytest.approx(179 / 3)
    assert read["views/colour_distance"] == pytest.approx(unread["views/colour_distance"])
    assert "views/target_pose_accuracy" not in unread and "views/azimuth_error" not in unread
