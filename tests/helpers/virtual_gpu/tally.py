"""What was asked of the GPU, by the line of the project's code that it happens in."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType
from typing import Any

from .backward import run_backward

_ROOT = Path(__file__).parents[3]
_OURS = tuple(
    f"{_ROOT / part}/" for part in ("src", "callbacks", "datamodules", "benchmarks", "tests")
)
_UNSEEN = (f"{_ROOT / 'tests' / 'helpers' / 'virtual_gpu'}", "<")


@dataclass
class Tally:
    """What was asked of the GPU, by source line.

    Attributes:
        operations: kernels, of the backward pass too.
        syncs: times that Python waits for the GPU: it reads a number or copies to the host, or
            needs to know a shape that depends on data.
        uploads: copies to the GPU that Python waits for, or from memory that is not pinned.
    """

    operations: Counter[str] = field(default_factory=Counter)
    syncs: Counter[str] = field(default_factory=Counter)
    uploads: Counter[str] = field(default_factory=Counter)

    @property
    def num_operations(self) -> int:
        return self.operations.total()

    @property
    def num_syncs(self) -> int:
        return self.syncs.total()

    @property
    def num_uploads(self) -> int:
        return self.uploads.total()

    def __str__(self) -> str:
        lines = [f"{self.num_operations} operations"]
        for name, counted in (("syncs", self.syncs), ("uploads", self.uploads)):
            lines.append(f"{counted.total()} {name}")
            lines += [f"  {number:5} {line}" for line, number in counted.most_common()]
        return "\n".join(lines)


# Whose code it is, and its file as it is shown: ours, a library's, or unseen (torch, this helper).
_KINDS: dict[CodeType, tuple[str, str]] = {}


def _kind(code: CodeType) -> tuple[str, str]:
    name = code.co_filename
    if name.startswith(_UNSEEN) or "/torch/" in name or name.endswith("/contextlib.py"):
        return "unseen", name
    if name.startswith(_OURS):
        return "ours", name.removeprefix(f"{_ROOT}/")
    return "library", "/".join(Path(name).parts[-2:])


def source_line() -> str:
    """The line of the project that it happens in, and where in a library that it called.

    Without one, the line of the test.
    """
    frame: Any = sys._getframe(1)
    library = backward = ""
    while frame is not None:
        code = frame.f_code
        found = _KINDS.get(code)
        if found is None:
            found = _KINDS[code] = _kind(code)
        kind, name = found
        if kind == "ours":
            return f"{name}:{frame.f_lineno}{backward}{library}"
        if kind == "library" and not library:
            library = f" in {name}:{frame.f_lineno}"
        elif code is run_backward.__code__:
            backward = " backward"
        frame = frame.f_back
    return f"nowhere{library}"
