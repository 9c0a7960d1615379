"""workspace: MIRAGE's workspace, put into a project of W&B."""

from __future__ import annotations

from mirage.runs.request import Request
from mirage.tracking.workspace import apply


def run(request: Request) -> str:
    """Put it there; returns the closing line."""
    return apply(request.words)
