"""The page: everything inside, everything escaped, every frame where the script looks for it."""

import base64
import hashlib
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from synthetic.pages import HOSTILE, make_orbit, make_page

from mirage.core.errors import MirageError
from mirage.drawing import sprites
from mirage.drawing.panel import Panel
from mirage.drawing.tables import Cell, Table, format_cell
from mirage.report import page as pages
from mirage.report.orbit_view import OrbitView
from mirage.report.page import ReportPage, write_page


class Reader(HTMLParser):
    """Collects tags with their attributes, and the text of scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] == "script":
            self.scripts[-1] += data
        self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("report") / "deep" / "index.html"
    write_page(path, make_page())
    assert [p.name for p in path.parent.iterdir()] == ["index.html"]
    return path.read_text(encoding="utf-8")


def test_page_needs_no_network(html: str) -> None:
    assert not re.search(r"https?://", html)
    reader = Reader(html)
    addresses = [a[k] for _, a in reader.tags for k in ("src", "href") if a.get(k)]
    assert addresses and all(str(a).startswith(("data:image/", "#")) for a in addresses)
    assert all(
        u.startswith('url("data:image/webp;base64,') for u in re.findall(r"url\(.{30}", html)
    )
    policy = next(a["content"] for a in reader.all("meta") if a.get("http-equiv"))
    assert str(policy).startswith("default-src 'none'")
    assert not reader.all("link")


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    write_page(tmp_path / "x.html", make_page(HOSTILE))
    html = (tmp_path / "x.html").read_text()
    reader, plain = Reader(html), Reader(clean_html(tmp_path))
    assert [tag for tag, _ in reader.tags] == [tag for tag, _ in plain.tags]
    assert not any("onerror" in attributes for _, attributes in reader.tags)
    *_, own = reader.scripts  # the data before it never runs
    assert "alert(" not in own and own == plain.scripts[-1]
    assert "".join(reader.text).count(HOSTILE) >= 8


def clean_html(folder: Path) -> str:
    write_page(folder / "clean.html", make_page())
    return (folder / "clean.html").read_text()


def test_script_data_cannot_close_its_element() -> None:
    template = pages._environment().from_string("<script>{{ data|tojson }}</script>")
    html = template.render(data=["</script><!--", "\u2028&'"])
    assert html.count("</script>") == 1 and "<!--" not in html
    assert json.loads(Reader(html).scripts[0]) == ["</script><!--", "\u2028&'"]


def test_every_picture_has_words_and_every_control_a_name(html: str) -> None:
    reader = Reader(html)
    images = reader.all("img")
    assert all(image.get("alt") or image.get("aria-hidden") == "true" for image in images)
    assert sum(image.get("aria-hidden") != "true" for image in images) > 10
    labelled = [b for b in reader.all("button") if b.get("class") != "to-views"]
    assert labelled and all(button.get("aria-label") for button in labelled)
    assert all(c.get("aria-label") for c in reader.all("input") if c.get("type") == "range")
    views = [a for _, a in reader.tags if a.get("role") == "img"]
    assert views and all(a.get("aria-label") for a in views)
    targets = {a["id"] for _, a in reader.tags if a.get("id")}
    assert {str(a["href"])[1:] for a in reader.all("a")} <= targets


def test_sprite_holds_each_frame_where_its_position_says(html: str) -> None:
    """Undo the CSS: a position of x% puts cell x/100 · (columns − 1) in sight."""
    data = json.loads(Reader(html).scripts[-2])
    uri = re.search(
        r'\.sprite-0-0::before \{ background-image: url\("data:image/webp;base64,(.*?)"', html
    )
    assert uri is not None
    sprite = np.asarray(Image.open(io.BytesIO(base64.b64decode(uri[1]))).convert("RGB"), dtype=int)
    columns, rows = 8, 2
    height, width = sprite.shape[0] // rows, sprite.shape[1] // columns
    assert len(data[0]["positions"]) == len(data[0]["labels"]) == 10
    for index, position in enumerate(data[0]["positions"]):
        x, y = (float(part.rstrip("%")) / 100 for part in position.split())
        left, top = round(x * (columns - 1) * width), round(y * (rows - 1) * height)
        cell = sprite[top + 3 : top + height - 3, left + 3 : left + width - 3]
        assert abs(cell.mean() - 20 * index) < 3
    assert data[0]["labels"][3] == "108° · pose 3"


def test_frames_are_kept_as_small_as_the_page_s_budget_needs_and_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 240 px, of which there are more than the budget holds in full."""
    coarse = np.random.default_rng(0).integers(0, 256, (8, 15, 15, 3), dtype=np.uint8)
    frames = np.stack([np.asarray(Image.fromarray(f).resize((240, 240))) for f in coarse])
    views = [OrbitView(str(i), 45.0 * np.arange(8), {"soft": frames}) for i in range(5)]
    sizes, said = [], []
    for budget in (16_000_000, 150_000):
        monkeypatch.setattr(sprites, "_BUDGET", budget)
        write_page(tmp_path / "x.html", ReportPage("x", orbits=views))
        html = (tmp_path / "x.html").read_text()
        packed = re.findall(r"background-image: url\(\"data:image/webp;base64,(.*?)\"", html)
        assert len(packed) == 5 and sum(map(len, packed)) < budget
        cells = Image.open(io.BytesIO(base64.b64decode(packed[0])))
        sizes.append(cells.height - 2 * sprites.GUTTER)
        said.append(re.findall(r"frames of 240 px are kept at (\d+) px", html))
    assert sizes == [192, 96] and said == [["192"], ["96"]]
    write_page(tmp_path / "x.html", make_page())  # of 32 px, which are enlarged
    assert "are kept at" not in (tmp_path / "x.html").read_text()


def test_panels_keep_their_order_and_only_whole_ones_are_fitted(tmp_path: Path) -> None:
    picture = Image.new("RGB", (60, 40), "white")
    panels = [Panel(f"t{i}", picture, f"a{i}", f"c{i}", whole=i == 1) for i in range(3)]
    write_page(tmp_path / "x.html", ReportPage("poses", poses=panels))
    reader = Reader((tmp_path / "x.html").read_text())
    assert [image["alt"] for image in reader.all("img")] == ["a0", "a1", "a2"]
    classes = [str(figure["class"]).split() for figure in reader.all("figure")]
    assert classes == [["panel"], ["panel", "whole"], ["panel"]]
    assert re.findall(r"\b[tc]\d\b", "".join(reader.text)) == ["t0", "c0", "t1", "c1", "t2", "c2"]


def test_only_what_is_given_is_shown(tmp_path: Path) -> None:
    write_page(tmp_path / "x.html", ReportPage("bare"))
    reader = Reader((tmp_path / "x.html").read_text())
    assert not reader.all("section") and not reader.all("img") and not reader.all("a")
    assert json.loads(reader.scripts[0]) == []


def test_frames_scores_and_rows_that_do_not_fit_are_refused() -> None:
    orbit = make_orbit()
    with pytest.raises(MirageError, match="mode 'soft'"):
        OrbitView("a", orbit.azimuth, {"hard": orbit.frames, "soft": orbit.frames[:3]})
    with pytest.raises(MirageError, match="at 3 azimuths"):
        OrbitView("a", orbit.azimuth[:3], {"hard": orbit.frames})
    with pytest.raises(MirageError, match="no frames"):
        OrbitView("a", orbit.azimuth, {"hard": orbit.frames}, scores={"soft": {"PSNR": 1.0}})
    with pytest.raises(MirageError, match="without views"):
        OrbitView("a", orbit.azimuth, {})
    with pytest.raises(MirageError, match="2 cells under 1"):
        Table("t", ["a"], [["b", 1]])


def test_only_numbers_can_be_filtered_by() -> None:
    orbit = make_orbit()
    scores = {"PSNR": 18.5, "hits": 3, "why": "words", "none": None, "lost": float("nan")}
    assert OrbitView.of_orbit("a", orbit, "soft", scores).first_scores == {"PSNR": 18.5, "hits": 3}
    assert OrbitView.of_orbit("a", orbit).first_scores == {}


def test_no_script_but_the_page_s_own_may_run(html: str) -> None:
    reader = Reader(html)
    policy = next(str(a["content"]) for a in reader.all("meta") if a.get("http-equiv"))
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    own = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{own}'" in policy and "script-src 'unsafe" not in policy


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (float("inf"), "∞"),
        ("soft", "soft"),
        (1920, "1,920"),
        (18.134, "18.13"),
        (0.8714, "0.871"),
        (-0.5, "−0.500"),
        (123.456, "123.5"),
        (12345.6, "12,346"),
        (0.00012, "1.2e-04"),
        (0.0, "0.000"),
    ],
)
def test_figures_read_as_a_person_writes_them(value: Cell, text: str) -> None:
    assert format_cell(value) == text
