"""One job of a sweep, on whichever machine, and how to run it alone."""

from __future__ import annotations

import os
import shlex
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path

from mirage.config import Config
from mirage.core.errors import MirageError
from mirage.core.files import refusals_told
from mirage.distributed.ranks import find_ranks

LOG = "log.txt"
RunCommand = Callable[[str, Config], None]


def run_job(commands: Sequence[str], run_command: RunCommand, root: str, config: Config) -> str:
    """Run commands of a configuration; what they print goes to the run's log, one a process.

    Args:
        root: the sweep's folder, which the job is named relative to.

    Returns:
        Why it failed; nothing if it did not.
    """
    folder, start, reason = Path(config.run), time.monotonic(), ""
    folder.mkdir(parents=True, exist_ok=True)
    ranks = find_ranks()
    name = LOG if ranks.is_first else f"log-{ranks.rank}.txt"
    mode = "a" if "SLURM_RESTART_COUNT" in os.environ else "w"  # a job that was put back goes on
    with (
        (folder / name).open(mode, encoding="utf-8", errors="backslashreplace") as log,
        redirect_stdout(log),
    ):
        try:
            with refusals_told():
                for command in commands:
                    run_command(command, config)
        except MirageError as error:
            reason = f"{error.what} ({error.where})" if error.where else error.what
            print(error)
        except Exception as error:  # a defect: the other jobs go on, the log has all of it
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            traceback.print_exc(file=log)
    seconds = time.monotonic() - start
    print(f"  {folder.relative_to(root)}: {reason or f'done in {seconds:.0f} s'}", flush=True)
    return reason


def alone(commands: Sequence[str], config: Config) -> str:
    """The shell's words that run a job by itself; its folder remembers the rest."""
    return " && ".join(f"mirage {name} {shlex.quote(f'run={config.run}')}" for name in commands)
