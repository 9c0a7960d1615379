"""Locks that one process at a time holds, on whichever machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


@contextmanager
def held(lock: Path) -> Iterator[None]:
    """Hold a lock file, on whichever machine; says so where it must wait for another process.

    A process that ends lets go of it, however it ends.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    holder = FileLock(lock)
    try:
        holder.acquire(blocking=False)
    except Timeout:
        print(f"another process works in {lock.parent}: waiting for it", flush=True)
        holder.acquire()
    try:
        yield
    finally:
        holder.release()
