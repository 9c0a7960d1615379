"""mirage <command> [overrides]: the entry point."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from typing import NoReturn

from mirage.commands.registry import COMMANDS, JSON, QUIET, command_help, general_help, options_of
from mirage.commands.running import execute, status_of
from mirage.core.errors import MirageError
from mirage.core.machine import heed_limits
from mirage.core.messages import begin
from mirage.runs.request import Request

_NOBODY_READS = 141  # 128 + SIGPIPE, as shells tell it


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; exits 0, or 1 with a message, or 130 when interrupted."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    begin(_style(words))
    heed_limits()
    with _streams_of_any_kind():
        status = status_of(lambda: _dispatch(words))
    sys.exit(status)


@contextmanager
def _streams_of_any_kind() -> Iterator[None]:
    """Escapes what a terminal's encoding lacks; ends quietly where nobody reads any more."""
    streams = [stream for stream in (sys.stdout, sys.stderr) if isinstance(stream, TextIOWrapper)]
    for stream in streams:
        stream.reconfigure(errors="backslashreplace")
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        if not any([_is_broken(stream) for stream in streams]):
            raise  # some other pipe
        sys.exit(_NOBODY_READS)


def _is_broken(stream: TextIOWrapper) -> bool:
    """Whether nobody reads a stream, by a line end; what waits in it then goes nowhere."""
    try:
        print(file=stream, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return True
    return False


def _dispatch(words: list[str]) -> None:
    asks_help = "--help" in words or "-h" in words
    name = words[0] if words else ""
    if not words or (asks_help and name not in COMMANDS):
        print(general_help())
    elif name not in COMMANDS:
        raise MirageError(
            f"no command {name!r}", where="command line", todo=f"use {', '.join(COMMANDS)}"
        )
    elif asks_help:
        print(command_help(name))
    else:
        execute(_parse(name, words[1:]))


class _Parser(ArgumentParser):
    """argparse, whose complaints are ours to tell."""

    def error(self, message: str) -> NoReturn:
        raise MirageError(message, where="command line", todo="write key=value")


def _parse(name: str, words: Sequence[str]) -> Request:
    parser = _Parser(add_help=False, allow_abbrev=False)
    options = options_of(name)
    for option in options:
        parser.add_argument(option, action="append_const", const=option, dest="options")
    parser.add_argument("words", nargs="*")
    found = parser.parse_intermixed_args(words)
    return Request(name, tuple(found.words), frozenset(found.options or ()))


def _style(words: Sequence[str]) -> str:
    """How progress is told of; the JSON of `assign` is its result, which nothing may disturb."""
    if set(words) & set(QUIET) or (JSON in words and words[0] == "assign"):
        return "quiet"
    return "json" if JSON in words else "auto"


if __name__ == "__main__":
    main()
