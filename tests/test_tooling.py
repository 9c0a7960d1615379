"""make, pre-commit and GitHub run the same checks; the citation is of this version and paper."""

from __future__ import annotations

import re
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]


def read(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text())


def test_pre_commit_has_the_checks_of_make() -> None:
    recipes = re.findall(
        r"^\t\$\(BIN\)/(ruff \w+(?: --check)?|mypy|lint-imports)",
        made("lint", "types", "imports"),
        re.MULTILINE,
    )
    hooks = [hook for repo in read(".pre-commit-config.yaml")["repos"] for hook in repo["hooks"]]
    entries = [hook["entry"].removeprefix(".venv/bin/") for hook in hooks]
    assert [entry.removesuffix(" --force-exclude") for entry in entries] == recipes
    assert len(recipes) == 4


def made(*targets: str) -> str:
    """The recipes of some targets of the Makefile."""
    text = (ROOT / "Makefile").read_text()
    return "".join(
        re.search(rf"^{target}:.*\n((?:\t.*\n)+)", text, re.MULTILINE)[1] for target in targets
    )


def test_pre_commit_fetches_nothing() -> None:
    assert {repo["repo"] for repo in read(".pre-commit-config.yaml")["repos"]} == {"local"}


def test_github_runs_what_the_gate_runs() -> None:
    (job,) = read(".github/workflows/ci.yml")["jobs"].values()
    assert job["steps"][-1] == {"run": ".ci/run"}
    assert "make test-all" in (ROOT / ".ci" / "run").read_text()


def test_the_citation_is_of_this_version_and_of_the_paper() -> None:
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    citation = read("CITATION.cff")
    assert citation["version"] == setup["metadata"]["version"]
    assert citation["license"] == setup["metadata"]["license"]
    assert citation["references"][0]["url"].endswith("2312.04337")
