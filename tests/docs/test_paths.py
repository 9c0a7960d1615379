"""Files of the repository that README and docs/ name are there."""

from __future__ import annotations

import re

import pytest
from documentation.commands import PAGES, ROOT

# From where pages name a file: the repository, or the package in it.
BASES = (ROOT, ROOT / "src" / "mirage")
_CODE = re.compile(r"`([^`\n]+)`")
_FILE = re.compile(r"[\w./*-]+/[\w.*-]+\.(?:py|sh|yaml|md)")


def named_files() -> list[tuple[str, str]]:
    """Every file of the repository that a page names in code marks, and the page."""
    found = {}
    for page in PAGES:
        for name in _CODE.findall(page.read_text()):
            if _FILE.fullmatch(name):
                found[name] = page.name
    return sorted(found.items())


# Made by a run, or by the reader.
NOT_OURS = {
    "model/pipeline.py",
    "evaluate/tables.md",
    "runs/mine/config.yaml",
    "experiments/launcher/mysite.yaml",
    "experiments/experiment/patient.yaml",
    "experiments/backbone/NAME.yaml",
}


@pytest.mark.parametrize(("name", "page"), named_files())
def test_a_file_that_a_page_names_is_there(name: str, page: str) -> None:
    if name not in NOT_OURS:
        assert any(list(base.glob(name)) for base in BASES), page


def test_names_are_found() -> None:
    assert len(named_files()) > 20


def test_the_map_of_folders_has_every_package() -> None:
    package = ROOT / "src" / "mirage"
    rooms = {path.parent.name for path in package.glob("*/__init__.py")}
    listed = set(re.findall(r"^ {4,6}(\w+)/ ", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert rooms and rooms <= listed
