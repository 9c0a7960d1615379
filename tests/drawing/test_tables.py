"""Tables say the same on the console and in Markdown."""

from __future__ import annotations

import re

import pytest

from mirage.core.errors import MirageError
from mirage.drawing.tables import Table, add_row, print_table, print_tables, rich_table, to_markdown

TABLE = Table("Views", ["", "PSNR"], [["soft", "20.1\n[19, 21]"], ["a|b", None]], "Higher.")


def test_markdown_has_a_line_a_row_and_no_stray_bars() -> None:
    assert to_markdown(TABLE).splitlines() == [
        "**Views**",
        "",
        "|  | PSNR |",
        "|---|---|",
        "| soft | 20.1 [19, 21] |",
        "| a\\|b | – |",
        "",
        "Higher.",
    ]


def test_the_console_shows_every_cell(capsys: pytest.CaptureFixture[str]) -> None:
    print_tables([TABLE])
    shown = capsys.readouterr().out
    assert all(text in shown for text in ("Views", "PSNR", "20.1", "[19, 21]", "–", "Higher."))


def test_a_ragged_row_is_refused() -> None:
    with pytest.raises(MirageError, match="2 cells under 1 columns"):
        Table("T", ["a"], [["x", 1]])


ODD = ["car [front].jpg", "[/red]", ":car: [bold]x[/bold]", "long/" * 60 + "a.jpg", "\\[b]"]


def test_names_are_shown_as_they_are_in_a_pipe_each_on_a_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_tables([Table("a [title]", ["[path]", "x"], [[name, 1] for name in ODD], "a [note]")])
    shown = capsys.readouterr().out
    for text in (*ODD, "a [title]", "[path]", "a [note]"):
        assert text in shown
    rows = [line for line in shown.splitlines() if any(name in line for name in ODD)]
    assert len(rows) == len(ODD)


def test_a_terminal_folds_a_name_and_cuts_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # what is written to is a terminal
    table = rich_table(["path", "x"])
    add_row(table, [name := "".join(map(str, range(80))), "1"])
    print_table(table, 40)
    letters = re.sub(r"\x1b\[[0-9;]*m|\D", "", capsys.readouterr().out.split("path")[1])
    assert letters.replace("1", "") == name.replace("1", "")
