"""Photos listed in a CSV."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from mirage.images.sources.listing import path_as_listed, read_listing
from mirage.images.sources.source import Entry, Source, labelled


class CsvSource(Source):
    """Photos listed in a CSV with the columns path[, object_id][, azimuth][, split][, viewpoint].

    Paths are relative to the CSV's folder.
    """

    def __init__(self, listing: Path) -> None:
        self.listing = listing

    def entries(self, part: str = "") -> Iterator[Entry]:
        columns = ("path", "object_id", "azimuth", "split", "viewpoint")
        for where, row in read_listing(self.listing, columns, needed=1):
            path = path_as_listed(self.listing.parent, row["path"])
            entry = labelled(path or row["path"], row, where)
            missing = "missing: the CSV names it, but there is no such file"
            yield replace(entry, refused="" if path else missing)

    def read(self, entry: Entry) -> bytes:
        return (self.listing.parent / entry.path).read_bytes()
