"""experiments: the files of experiments/, by the key that names them."""

from __future__ import annotations

from mirage.config.load import list_experiments
from mirage.runs.request import Request


def run(request: Request) -> str:
    """The list, as text."""
    request.refuse(request.words, "`mirage experiments`")
    lines = []
    for group, names in list_experiments().items():
        width = max(map(len, names))
        lines += [f"{group}=", *(f"  {name:<{width}}  {line}" for name, line in names.items()), ""]
    return "\n".join(lines)
