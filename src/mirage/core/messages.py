"""What a command says while it works: through `logging`, to people, to scripts or to nobody.

Modules log as usual, `logging.getLogger(__name__)`. A program that imports the package hears what
it asks logging for; the command line calls `begin`.
"""

from __future__ import annotations

import logging
import sys

from mirage.core.progress import choose, chosen, tell_json

ROOT = "mirage"


class _Console(logging.Handler):
    """To standard output, warnings to standard error; as JSON where that is chosen."""

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if chosen() == "json":
            tell_json(level=record.levelname.lower(), message=text)
        elif chosen() == "auto":
            to = sys.stderr if record.levelno >= logging.WARNING else sys.stdout
            print(text, file=to, flush=True)


def begin(style: str, speaks: bool = True) -> None:
    """Tell of what comes in one of the styles of `progress.choose`.

    Args:
        speaks: whether this process says more than what goes wrong: one of several does.
    """
    choose(style)
    root = logging.getLogger(ROOT)
    root.setLevel(logging.INFO if speaks else logging.ERROR)
    root.propagate = False
    if not root.handlers:
        root.addHandler(_Console())
