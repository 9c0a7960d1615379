"""Tables as spreadsheets and other systems write them say the same as a plain CSV."""

from __future__ import annotations

import codecs
from pathlib import Path
from unicodedata import normalize

import pytest

from mirage.core.errors import MirageError
from mirage.images.sources.listing import path_as_listed, read_listing, same_spelling
from mirage.images.sources.registry import open_source
from mirage.images.sources.source import Entry

PLAIN = 'path,azimuth,object_id\ncars/1.png,12.5,a\ncars/2.png,,"b, c"\n'
SEMICOLONS = PLAIN.replace('"b, c"', "b; c").replace(",", ";").replace("b; c", '"b, c"')


@pytest.mark.parametrize(
    "data",
    [
        PLAIN.encode(),
        codecs.BOM_UTF8 + PLAIN.encode(),
        PLAIN.encode("utf-16"),
        PLAIN.replace("\n", "\r\n").encode(),
        PLAIN.replace("path,azimuth", " Path , AZIMUTH").encode(),
        SEMICOLONS.replace("12.5", "12,5").encode(),
        b"sep=;\n" + SEMICOLONS.encode(),
        SEMICOLONS.replace(";", "\t").encode(),
        PLAIN.replace("/", "\\").encode(),
        (PLAIN + ",,\n\n").encode(),
    ],
)
def test_all_ways_to_write_a_table_are_read_alike(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "cars").mkdir()
    for name in "12":
        (tmp_path / f"cars/{name}.png").write_bytes(name.encode())
    (tmp_path / "list.csv").write_bytes(data)
    source = open_source("csv", str(tmp_path / "list.csv"))
    first, second = source.entries()
    assert first == Entry("cars/1.png", "a", 12.5) and second == Entry("cars/2.png", "b, c")
    assert [source.read(first), source.read(second)] == [b"1", b"2"]


@pytest.mark.parametrize("written", ["NFC", "NFD"])
@pytest.mark.parametrize("on_disk", ["NFC", "NFD"])
def test_umlauts_are_found_however_they_are_made_up(
    written: str, on_disk: str, tmp_path: Path
) -> None:
    there, listed = (normalize(form, "Käfer/grün.png") for form in (on_disk, written))  # type: ignore[arg-type]
    (tmp_path / there).parent.mkdir()
    (tmp_path / there).write_bytes(b"x")
    assert path_as_listed(tmp_path, listed) == there
    assert path_as_listed(tmp_path, listed.replace("/", "\\")) == there
    assert same_spelling(listed.replace("/", "\\")) == same_spelling(there)


def test_a_file_that_is_not_there_is_refused_and_the_rest_is_used(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(b"x")
    (tmp_path / "list.csv").write_text("path\n1.png\n2.png\nC:\\x.png\n\0.png\n")
    entries = list(open_source("csv", str(tmp_path / "list.csv")).entries())
    assert [entry.refused.split(":")[0] for entry in entries] == ["", *["missing"] * 3]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ("path\nKäfer.png\n".encode("latin-1"), "UTF-8"),
        (b"", "no column named path"),
        (b"path\n" + b"x" * 200_000, "not a CSV"),
    ],
)
def test_what_is_no_table_is_told(data: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_bytes(data)
    with pytest.raises(MirageError, match=told):
        list(read_listing(tmp_path / "list.csv", ("path", "azimuth"), needed=1))
    with pytest.raises(MirageError, match="cannot be read"):
        list(read_listing(tmp_path / "none.csv", ("path",), needed=1))
