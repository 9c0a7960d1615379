"""What docs/files.md says of a run's files, and what such files hold."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from safetensors import safe_open

_HEADING = re.compile(r"^#{2,3} (.+)$", re.MULTILINE)
_CODE = re.compile(r"`([^`]+)`")


def told(page: Path) -> dict[str, list[str]]:
    """Heading, without code marks → what the first column of the tables below it names."""
    _, *parts = _HEADING.split(page.read_text())
    tables = {}
    for heading, text in zip(parts[::2], parts[1::2], strict=True):
        rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("|")]
        tables[heading.replace("`", "")] = [name for row in rows for name in _CODE.findall(row)]
    return {heading: names for heading, names in tables.items() if names}


def pattern(name: str) -> re.Pattern[str]:
    """A file as it is told: `<px>` is a part of a name, a last `/` all of a folder."""
    parts = re.split(r"<\w+>", name)
    whole = "[^/]+".join(map(re.escape, parts))
    return re.compile(whole + ("" if not name.endswith("/") else ".*"))


def files_of(run: Path) -> list[str]:
    """All files of a run, relative to it."""
    return sorted(str(path.relative_to(run)) for path in run.rglob("*") if path.is_file())


def keys_in(path: Path) -> set[str]:
    """The columns, tensors, arrays or keys of a file; `a.b` and `a[].b` of nested ones."""
    if path.suffix == ".parquet":
        return set(pq.read_schema(path).names)
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            return set(csv.DictReader(file).fieldnames or ())
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            return set(arrays)
    if path.suffix == ".safetensors":
        with safe_open(path, framework="numpy") as file:
            return set(file.keys())
    return set(leaves(json.loads(path.read_text())))


def facts_in(bank: Path) -> set[str]:
    """The keys of what a pose bank tells beside its tensors."""
    with safe_open(bank, framework="numpy") as file:
        return set(leaves(json.loads(file.metadata()["facts"])))


def leaves(value: Any, name: str = "") -> Iterator[str]:
    """The dotted names of all that is no dictionary and no list of dictionaries."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, f"{name}.{key}".lstrip("."))
    elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        for item in value:
            yield from leaves(item, f"{name}[]")
    else:
        yield name


def differences(told: Iterable[str], found: Iterable[str]) -> tuple[set[str], set[str]]:
    """What is told and not found, and what is found and not told; `a.*` tells of all below a."""
    told, found = set(told), set(found)
    covers = {name: {f for f in found if _covers(name, f)} for name in told}
    return {name for name, of in covers.items() if not of}, found - set().union(*covers.values())


def _covers(name: str, found: str) -> bool:
    below = name.removesuffix(".*")
    return found == name or (below != name and (found == below or found.startswith(f"{below}.")))
