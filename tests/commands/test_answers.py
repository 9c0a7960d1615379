"""What the command line answers to mistakes and to a call for help."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny.runs import mirage

from mirage.commands.registry import COMMANDS


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["train", "run=nowhere"], "mirage poses"),
        (["poses", "poses.cuont=3"], "poses.count"),
        (["images", "images.path=/no/such/folder"], "does not exist"),
        (["images", "data.resolution=33"], "data.resolution"),
        (["paint"], "no command"),
        (["run", "."], "images.path=."),
        (["run", "nowhere"], "key=value"),
        (["run", "experiment=nonsense"], "nonsense"),
    ],
)
def test_mistakes_are_answered_in_a_few_lines(
    words: list[str],
    says: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert mirage(*words) == 1
    said = capsys.readouterr().err
    assert says in said and "Traceback" not in said and len(said.splitlines()) <= 6


def test_help_shows_an_example_of_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    for name in COMMANDS:
        assert mirage(name, "--help") == 0
        assert f"mirage {name}" in capsys.readouterr().out
