"""Locks that one process at a time holds, on whichever machine."""

from __future__ import annotations

import fcntl
import logging
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

log = logging.getLogger(__name__)


@contextmanager
def held(lock: Path, place: Path | None = None) -> Iterator[None]:
    """Hold a lock file; says who has it where it must wait for another process.

    A process that ends lets go of it, however it ends. Where the file system knows no locks, as
    some that are mounted over a network, that is said, and nothing is locked.

    Args:
        place: what nobody else works in meanwhile; the lock's folder by default.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a+") as file:  # which leaves what its holder wrote
        _wait_for(file, place or lock.parent)
        file.truncate(0)
        file.write(_self())
        file.flush()
        yield


def _wait_for(file: TextIO, place: Path) -> None:
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read() or "another process"
            log.info(f"{holder} works in {place}: waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
    except OSError as error:
        log.warning(
            f"{place} cannot be locked ({error.strerror}): start no second command on it meanwhile"
        )


def _self() -> str:
    """This process, as others are told of it."""
    command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:3]])
    since = time.strftime("%d %B %H:%M")
    return f"process {os.getpid()} on {socket.gethostname()} ({command}, since {since})"
