"""Photos of a survey that are there more than once: of the same bytes, or that look the same."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mirage.core.contracts import IntArray
from mirage.images.sketches import SKETCH_BYTES, first_alike
from mirage.images.survey import Survey

Names = npt.NDArray[np.uint64]


def first_of_same_bytes(survey: Survey) -> IntArray:
    """[M] of all photos of the source: the first one with the same bytes; −1 if it is refused.

    A file is one photo whatever its box: boxes a pixel apart would let it into both splits.
    """
    parts = [np.empty(0, "S16")]  # half a SHA-256 tells any two photos apart
    for table in survey:
        parts.append(np.array([bytes.fromhex(h or "")[:16] for h in table["sha256"].to_pylist()]))
    digests = np.concatenate(parts, dtype="S16")
    looked_at = np.flatnonzero(digests != b"")
    _, first, same = np.unique(digests[looked_at], return_index=True, return_inverse=True)
    result = np.full(len(digests), -1)
    result[looked_at] = looked_at[first[same]]
    return result


def looks(survey: Survey, first: IntArray) -> Names:
    """[N] of the usable photos: a name that all have in common that look the same.

    A photo whose object is known looks like itself alone, and so does each where all look the same:
    one object could not be split.
    """
    names, sketches, unknown = [], [], []
    for table in _usable(survey, first):
        names.append(np.array([int(h[:16], 16) for h in table["sha256"].to_pylist()], np.uint64))
        sketches.append(np.frombuffer(b"".join(table["sketch"].to_pylist()), np.uint8))
        unknown.append(np.array([not known for known in table["object_id"].to_pylist()], bool))
    own = np.concatenate(names)
    rows = np.flatnonzero(np.concatenate(unknown))
    alike = first_alike(np.concatenate(sketches).reshape(-1, SKETCH_BYTES)[rows])
    found = own.copy()
    found[rows] = own[rows[alike]]
    return own if (found == found[0]).all() else found


def usable_photos(survey: Survey, first: IntArray, names: Names) -> Iterator[pa.Table]:
    """The facts of the usable photos; where no object is known, those that look the same are one.

    Args:
        names: as `looks` gives them.
    """
    start = 0
    for table in _usable(survey, first):
        own = names[start : start + len(table)].tolist()
        start += len(table)
        pairs = zip(table["object_id"].to_pylist(), own, strict=True)
        objects = [known or f"photo:{name:016x}" for known, name in pairs]
        place = table.column_names.index("object_id")
        yield table.set_column(place, "object_id", pa.array(objects, pa.string()))


def _usable(survey: Survey, first: IntArray) -> Iterator[pa.Table]:
    start = 0
    for table in survey:
        rows = np.arange(start, start + len(table))
        start += len(table)
        yield table.filter(pa.array(first[rows] == rows))
