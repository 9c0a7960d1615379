"""Tables of photos that people bring as CSV, whatever program wrote them."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from unicodedata import normalize

from mirage.core.errors import MirageError

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def read_listing(
    table: Path, columns: Sequence[str], needed: int
) -> Iterator[tuple[str, dict[str, str]]]:
    """Where each row is, in words, and its values by column; '' where there is none.

    Values may be told apart by commas, semicolons or tabs, and the text be UTF-8 or UTF-16, with a
    byte-order mark or without. Empty rows are left out.

    Args:
        columns: that may be there, the first so many of which must be.

    Raises:
        MirageError: it cannot be read, or is no such table.
    """
    try:
        with table.open("rb") as file:
            encoding = "utf-16" if file.read(2) in _UTF_16 else "utf-8-sig"
        with table.open(newline="", encoding=encoding) as file:
            heading = file.readline()
            separator = max(",;\t", key=heading.count)
            if heading.startswith("sep="):  # a spreadsheet's own line, before the names
                separator, heading = heading[4], file.readline()
            names = next(csv.reader([heading], delimiter=separator), [])
            names = [name.strip().lower() for name in names]
            if missing := [name for name in columns[:needed] if name not in names]:
                rest = "".join(f"[,{name}]" for name in columns[needed:])
                raise MirageError(
                    f"the CSV has no column named {' or '.join(missing)}",
                    where=str(table),
                    todo=f"name the columns first: {','.join(columns[:needed])}{rest}",
                )
            for row in (rows := csv.reader(file, delimiter=separator)):
                cells = dict(zip(names, map(str.strip, row), strict=False))
                if any(cells.values()):
                    where = f"{table}, line {rows.line_num + 1}"
                    yield where, {name: cells.get(name, "") for name in columns}
    except OSError as error:
        raise MirageError(f"cannot be read: {error.strerror}", where=str(table)) from error
    except UnicodeError as error:
        raise MirageError(
            f"the CSV is no UTF-8: {error}",
            where=str(table),
            todo="save it as UTF-8 (spreadsheets call it CSV UTF-8)",
        ) from error
    except csv.Error as error:
        raise MirageError(f"not a CSV file: {error}", where=str(table)) from error


def spellings(path: str) -> Iterator[str]:
    """A path as it is written, and as another system would write it: with slashes for backslashes,
    and its umlauts as one character (Windows, Linux) or as a letter and its dots (macOS).
    """
    for text in dict.fromkeys((path, path.replace("\\", "/"))):
        yield from dict.fromkeys((text, normalize("NFC", text), normalize("NFD", text)))


def same_spelling(path: str) -> str:
    """What all spellings of a path have in common."""
    return normalize("NFC", path.replace("\\", "/"))


def read_number(text: str) -> float:
    """A number, with a decimal point or a decimal comma.

    Raises:
        ValueError: it is none.
    """
    return float(text.replace(",", "."))


def path_as_listed(folder: Path, path: str) -> str | None:
    """The spelling of a path that is there, below a folder; None where none is."""
    there = (text for text in spellings(path) if os.path.isfile(folder / text))
    return next(there, None)
