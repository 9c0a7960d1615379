"""Sources list the same photos in the same order, and follow nothing out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mirage.core.errors import MirageError
from mirage.images.sources.registry import open_source
from mirage.images.sources.source import Entry


def test_folder_is_recursive_sorted_and_survives_link_loops(tmp_path: Path) -> None:
    (tmp_path / "b/c").mkdir(parents=True)
    for name in ("b/c/2.JPG", "b/1.png", "z.webp", "notes.txt", ".hidden.png"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "b/loop").symlink_to(tmp_path)
    (tmp_path / "broken.png").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.png")
    not_utf8 = os.fsdecode(b"caf\xe9.png")
    (tmp_path / not_utf8).write_bytes(b"coffee")
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_bytes(b"")
    source = open_source("folder", str(tmp_path))
    assert source.read(Entry("caf\\xe9.png")) == b"coffee"
    (tmp_path / not_utf8).unlink()
    good = [entry.path for entry in source.entries() if not entry.refused]
    assert good == ["z.webp", "b/1.png", "b/c/2.JPG"]
    assert {entry.path for entry in source.entries() if entry.refused} == {
        ".hidden.png",
        "b/loop",
        "broken.png",
        "pipe.png",
    }
    assert source.read(Entry("b/c/2.JPG")) == b"b/c/2.JPG"


def test_csv_reads_its_columns_relative_to_itself(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p/1.png").write_bytes(b"one")
    (tmp_path / "list.csv").write_text(
        "path,azimuth,object_id,split,viewpoint\np/1.png,-30,car1,heldout, rear-side\np/2.png,,,,\n"
    )
    source = open_source("csv", str(tmp_path / "list.csv"))
    first, second = source.entries()
    assert (first.azimuth, first.object_id, first.split) == (330.0, "car1", "heldout")
    assert (first.viewpoint, second.viewpoint) == ("rear-side", "")
    assert (second.azimuth, second.object_id, second.split) == (None, "", "")
    assert source.read(first) == b"one"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("file\na.png\n", "no column named path"),
        ("path,azimuth\na.png,north\n", "not a number"),
        ("path,split\na.png,test\n", "split 'test'"),
    ],
)
def test_csv_says_what_is_wrong(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "list.csv").write_text(text)
    source = open_source("csv", str(tmp_path / "list.csv"))
    with pytest.raises(MirageError, match=complaint):
        list(source.entries())


def test_the_wrong_kind_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"no tar")
    with pytest.raises(MirageError, match="does not exist"):
        open_source("folder", str(tmp_path / "gone"))
    with pytest.raises(MirageError, match=r"images\.source=folder"):
        open_source("tar", str(tmp_path))
    with pytest.raises(MirageError, match="tar"):
        open_source("tar", str(tmp_path / "x.tar"))
