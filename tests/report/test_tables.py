"""Tables say the same on the console and in Markdown."""

from __future__ import annotations

import pytest

from mirage.errors import MirageError
from mirage.report.tables import Table, print_tables, to_markdown

TABLE = Table("Views", ["", "PSNR"], [["soft", "20.1\n[19, 21]"], ["a|b", None]], "Higher.")


def test_markdown_has_a_line_a_row_and_no_stray_bars() -> None:
    assert to_markdown(TABLE).splitlines() == [
        "**Views**", "", "|  | PSNR |", "|---|---|", "| soft | 20.1 [19, 21] |", "| a\\|b | – |",
        "", "Higher.",
    ]  # fmt: skip


def test_the_console_shows_every_cell(capsys: pytest.CaptureFixture[str]) -> None:
    print_tables([TABLE])
    shown = capsys.readouterr().out
    assert all(text in shown for text in ("Views", "PSNR", "20.1", "[19, 21]", "–", "Higher."))


def test_a_ragged_row_is_refused() -> None:
    with pytest.raises(MirageError, match="2 cells under 1 columns"):
        Table("T", ["a"], [["x", 1]])
