"""The site: it builds without a warning, needs no network, and tells of all there is."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from documentation.commands import ROOT
from equations import on_page_content
from inserts import relink, sections
from keys import explain
from keys import sections as config_sections
from mkdocs.commands.build import build
from mkdocs.config import load_config as load_site
from reference import GENERATED, commands, configuration, experiment_files

from mirage.commands.registry import COMMANDS
from mirage.config import Config, SweepConfig
from mirage.config.load import list_experiments
from mirage.config.overrides import flat_values


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; a warning fails it."""
    target = tmp_path_factory.mktemp("site")
    build(load_site(str(ROOT / "mkdocs.yml"), site_dir=str(target), strict=True))
    return target


def test_pages_fetch_nothing(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert {"index.html", "guidance.html", "configuration.html"} <= {page.name for page in pages}
    for page in pages:
        text = page.read_text()
        fetched = re.findall(
            r'<(?:script|img|link|iframe|source)\b[^>]*(?:src|href)="([^"]+)"', text
        )
        assert fetched and not [url for url in fetched if "//" in url], page.name


def test_equations_are_drawn(site: Path) -> None:
    for source in (ROOT / "docs" / "method").glob("*.md"):
        written = source.read_text().count("$$") // 2
        page = (site / "method" / f"{source.stem}.html").read_text()
        assert page.count("<math ") == written, source.name
        assert written > 0 or source.stem not in ("model", "guidance", "clock")
        assert "mathvariant" not in page and "arithmatex" not in page


def test_readme_stands_in_the_pages_that_ask_for_it(site: Path) -> None:
    page = (site / "index.html").read_text()
    assert "make demo" in page and "Every stage skips what is done" not in page
    assert "README.md" not in "".join(path.read_text() for path in site.rglob("*.html"))


def test_a_section_ends_where_the_next_begins_and_not_in_code() -> None:
    text = "# Title\nfirst\n\n## In Python\n\n```python\n# a comment\n```\nlast\n\n## More\n"
    found = sections(text)
    assert found["title"] == "first"
    assert found["in-python"] == "```python\n# a comment\n```\nlast"
    assert found["more"] == ""


@pytest.mark.parametrize(
    ("folder", "text", "mended"),
    [
        ("", "see [views](docs/views.md#real-photos)", "see [views](views.md#real-photos)"),
        ("", "![cars](docs/cars.webp)", "![cars](cars.webp)"),
        ("", "the [licence](LICENSE)", "the licence"),
        ("docs", "[sweeps](../README.md#sweeps)", "[sweeps](experiments.md)"),
        ("docs", "[top](../README.md)", "[top](index.md)"),
        ("", "[sweeps](#sweeps)", "[sweeps](experiments.md)"),
        (
            "docs",
            "[a part](#parts), [a page](https://a.b/c)",
            "[a part](#parts), [a page](https://a.b/c)",
        ),
        ("docs", "```python\na[0](../x)\n```", "```python\na[0](../x)\n```"),
    ],
)
def test_links_lead_to_pages_of_the_site(folder: str, text: str, mended: str) -> None:
    assert relink(text, folder, {"sweeps": "experiments.md"}, {"views.md", "cars.webp"}) == mended


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("[views](../views.md#real-photos)", "[views](../views.md#real-photos)"),
        ("[clock](clock.md#anchors)", "[clock](clock.md#anchors)"),
        ("[sweeps](../../README.md#sweeps)", "[sweeps](../experiments.md)"),
        ("[code](../../src/mirage/config/)", "code"),
    ],
)
def test_links_of_a_page_in_a_folder_are_relative_to_it(text: str, mended: str) -> None:
    known = {"views.md", "method/clock.md", "experiments.md"}
    homes = {"sweeps": "experiments.md"}
    assert relink(text, "docs/method", homes, known, "method") == mended


def draw(latex: str) -> str:
    page: Any = SimpleNamespace(file=SimpleNamespace(src_uri="page.md"))
    html = f'<p>a</p><div class="arithmatex">\\[{latex}\\]</div>'
    return on_page_content(html, page, page, page)


def test_letters_of_other_alphabets_are_characters_of_their_own() -> None:
    drawn = draw(r"\mathcal L = \mathbb E\, \mathbb 1[x &lt; 1]")
    assert all(letter in drawn for letter in "ℒ𝔼𝟙") and "&#x0003C;" in drawn
    assert "mathvariant" not in drawn


@pytest.mark.parametrize("latex", [r"\nosuchcommand x", r"\left( x"])
def test_an_equation_that_cannot_be_read_is_a_warning(
    latex: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert latex in draw(latex)
    assert f"page.md: an equation cannot be drawn: {latex}" in caplog.text


def test_every_key_of_the_configuration_is_explained_in_the_code() -> None:
    both = (*config_sections(Config), *config_sections(SweepConfig, "sweep"))
    keys = [key for section in both for key in section.keys]
    assert len(keys) > 100
    assert [key.name for key in keys if not key.meaning] == []


def test_keys_and_defaults_are_those_of_the_command_line() -> None:
    told = {key.name: key.default for section in config_sections(Config) for key in section.keys}
    assert told == flat_values(Config())


MADE_UP = """
from dataclasses import dataclass, field

@dataclass
class MadeUp:
    beside: int = 1  # in metres
    none: int = 2
    # Of two
    # lines.
    above: int = 3
    far: list[int] = field(
        default_factory=lambda: [1]
    )
    long: list[int] = field(
        default_factory=lambda: [1]
    )  # at its end
"""


def test_a_comment_explains_the_field_beside_or_below_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "made_up_config.py").write_text(MADE_UP)
    monkeypatch.syspath_prepend(tmp_path)
    from made_up_config import MadeUp  # type: ignore[import-not-found]

    found = explain(MadeUp)
    assert found == {"beside": "in metres", "above": "Of two lines.", "long": "at its end"}


def test_every_key_command_and_experiment_is_told_of() -> None:
    page = configuration()
    for key in flat_values(Config()):
        assert f'id="{key}"' in page
    for name, command in COMMANDS.items():
        assert f"## `mirage {name}`" in commands() and command.does in commands()
    page = experiment_files()
    for group, names in list_experiments().items():
        assert all(f"`{name}`: " in page.split(f"## `{group}=NAME`")[1] for name in names)


def test_what_is_generated_is_asked_for_and_is_there() -> None:
    pages = "".join(path.read_text() for path in (ROOT / "docs").rglob("*.md"))
    for source in GENERATED:
        assert (ROOT / source).exists() and f"](../{source})\n" in pages
