"""Every photo is looked at once, however the source is listed and however many look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from processes import share_out

from mirage.config import ImagesConfig
from mirage.core.errors import MirageError
from mirage.distributed.ranks import ALONE, Ranks
from mirage.images import survey
from mirage.images.sources.source import Entry, Source
from mirage.images.survey import Survey


class Parts(Source):
    """Parts of so many photos, none of which can be decoded; counts what is read and listed."""

    def __init__(self, sizes: list[int], stops_at: str = "") -> None:
        self.sizes, self.stops_at = sizes, stops_at
        self.read_names: list[str] = []
        self.listed: list[str] = []

    def parts(self) -> list[str]:
        return [str(part) for part in range(len(self.sizes))]

    def entries(self, part: str = "") -> Iterator[Entry]:
        self.listed.append(part)
        for photo in range(self.sizes[int(part)]):
            yield Entry(f"{part}/{photo}", azimuth=float(photo), box=(0, 1, 2, 3), offset=photo)

    def read(self, entry: Entry) -> bytes:
        number = int(entry.path.split("/")[1])
        assert (entry.azimuth, entry.offset, list(entry.box or ())) == (
            number,
            number,
            [0, 1, 2, 3],
        )
        if entry.path == self.stops_at:
            raise KeyboardInterrupt
        self.read_names.append(entry.path)
        return b"no picture"

    def names(self) -> list[str]:
        return [f"{part}/{photo}" for part, size in enumerate(self.sizes) for photo in range(size)]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "_BLOCK", 4)


def facts_of(folder: Path) -> pa.Table:
    return pa.concat_tables(Survey(folder))


@pytest.mark.parametrize("world", [1, 2, 3, 9])
@pytest.mark.parametrize("sizes", [[23], [3, 9, 0, 4, 1], [0, 0], []])
def test_processes_look_at_every_photo_once(
    tmp_path: Path, world: int, sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = [Parts(sizes) for _ in range(world)]

    def look(ranks: Ranks) -> None:
        Survey(tmp_path).complete(sources[ranks.rank], ImagesConfig(), ranks)

    assert share_out(world, look) == [None] * world
    expected = sources[0].names()
    assert Counter(name for s in sources for name in s.read_names) == Counter(expected)
    assert sorted(part for s in sources for part in s.listed) == sources[0].parts()
    if expected:
        assert facts_of(tmp_path)["path"].to_pylist() == expected
        assert [Survey(tmp_path).path_of(row) for row in range(len(expected))] == expected


def test_what_processes_left_others_finish(tmp_path: Path) -> None:
    sizes = [5, 9, 7]
    before = [Parts(sizes, stops_at="1/7") for _ in range(2)]

    def look(sources: list[Parts], ranks: Ranks) -> None:
        Survey(tmp_path).complete(sources[ranks.rank], ImagesConfig(), ranks)

    ended = share_out(2, lambda ranks: look(before, ranks))
    assert any(isinstance(outcome, KeyboardInterrupt) for outcome in ended)
    done = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("[0-9]*.parquet")}
    after = [Parts(sizes) for _ in range(3)]
    assert share_out(3, lambda ranks: look(after, ranks)) == [None] * 3
    assert facts_of(tmp_path)["path"].to_pylist() == after[0].names()
    assert not any(source.listed for source in after)  # nothing is done twice
    assert all(path.stat().st_mtime_ns == time for path, time in done.items())
    assert 0 < sum(len(s.read_names) for s in after) < sum(sizes)


def test_the_first_process_says_what_there_is_to_share(tmp_path: Path) -> None:
    seen = [Parts([3, 4]), Parts([3, 4, 5])]  # a part came while the second one looked
    share_out(2, lambda ranks: Survey(tmp_path).complete(seen[ranks.rank], ImagesConfig(), ranks))
    assert facts_of(tmp_path)["path"].to_pylist() == seen[0].names()


def test_what_one_process_cannot_list_ends_all(tmp_path: Path) -> None:
    class Broken(Parts):
        def entries(self, part: str = "") -> Iterator[Entry]:
            raise MirageError(f"part {part} is broken")

    sources = [Parts([3, 4]), Broken([3, 4])]
    ended = share_out(
        2, lambda ranks: Survey(tmp_path).complete(sources[ranks.rank], ImagesConfig(), ranks)
    )
    assert str(ended[1]) == "part 1 is broken" and isinstance(ended[0], Exception)
    Survey(tmp_path).complete(sources[0], ImagesConfig(), ALONE)
    assert facts_of(tmp_path)["path"].to_pylist() == sources[0].names()
