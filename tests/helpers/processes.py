"""Commands in processes of their own, or shared by several; threads that stand in for processes.

Loading the libraries takes longer than anything that a tiny run does with them. A command that is
not about its own start is therefore forked from a server that has them loaded already; `torchrun`
and `python -m mirage.cli` are for the others.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from mirage.distributed.ranks import Ranks

T = TypeVar("T")

PATIENCE = 600.0  # seconds that anything may take on a busy machine
_LOADED = [
    "training.latents",
    "training.refine",
    "training.trainer",
    "tracking.record",
    *(
        f"commands.stages.{name}"
        for name in ("evaluate", "images", "poses", "reconstruct", "train", "views")
    ),
]
# Forks of one that has these loaded, which it does when the first is asked for.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["wandb", *(f"mirage.{name}" for name in _LOADED)])


@dataclass(frozen=True)
class ThreadRank(Ranks):
    """A thread that stands in for a process; where one ends, the others wait no longer."""

    barrier: Any = None
    brought: Any = None

    def gather(self, mine: T) -> list[T]:
        self.brought[self.rank] = mine
        self.barrier.wait(timeout=60)
        found = list(self.brought)
        self.barrier.wait(timeout=60)  # nobody brings the next before all have taken
        return found


def share_out(world: int, work: Callable[[Ranks], T]) -> list[T | BaseException]:
    """What `work` returned or raised in each of `world` processes."""
    barrier, brought = threading.Barrier(world), [None] * world

    def run(rank: int) -> T | BaseException:
        try:
            return work(ThreadRank(rank, world, rank, world, barrier, brought))
        except BaseException as error:
            barrier.abort()
            return error

    with ThreadPoolExecutor(world) as pool:
        return list(pool.map(run, range(world)))


class Command:
    """`mirage` with these words, started as a process and a process group of its own.

    Args:
        fresh: start an interpreter for it, as a person does.
        env: what its environment has besides this process's.
    """

    def __init__(
        self, *words: str, fresh: bool = False, env: Mapping[str, str] | None = None
    ) -> None:
        self._folder = tempfile.TemporaryDirectory()
        output = Path(self._folder.name)
        given = {"OMP_NUM_THREADS": "1", **os.environ, **(env or {})}
        # With this process's W&B service, a killed one's run would stay open in it.
        given.pop("WANDB_SERVICE", None)
        if fresh:
            self._process: Any = subprocess.Popen(
                [sys.executable, "-m", "mirage.cli", *words],
                env=given,
                start_new_session=True,
                stdout=(output / "stdout").open("w"),
                stderr=(output / "stderr").open("w"),
                # A suite started in the background passes on that SIGINT is ignored.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )
        else:
            self._process = _FORKS.Process(target=_live, args=(words, given, os.getcwd(), output))
            self._process.start()
        self.pid: int = self._process.pid

    @property
    def status(self) -> int | None:
        """What it ended with; None while it runs."""
        if isinstance(self._process, subprocess.Popen):
            return self._process.poll()
        return self._process.exitcode

    def stop_when(self, reached: Callable[[], object], number: signal.Signals) -> tuple[int, str]:
        """Signal the command as soon as `reached`; its status and stderr."""
        self.wait_for(reached)
        self.tell(number)
        done = self.wait()
        return done.returncode, done.stderr

    def wait_for(self, reached: Callable[[], object]) -> None:
        end = time.monotonic() + PATIENCE
        while not reached():
            assert self.status is None and time.monotonic() < end, "it ended before"
            time.sleep(0.005)

    def said(self) -> str:
        """What it has written to stdout."""
        written = Path(self._folder.name) / "stdout"  # which it makes when it has started
        return written.read_text() if written.exists() else ""

    def tell(self, number: signal.Signals) -> None:
        """Signal the whole group, as Ctrl-C in a terminal does."""
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:  # just forked, and no group of its own yet; or it has just ended
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def wait(self) -> subprocess.CompletedProcess[str]:
        """Wait for its end; what it said."""
        end = time.monotonic() + PATIENCE
        while (status := self.status) is None:
            assert time.monotonic() < end, "it does not end"
            time.sleep(0.005)
        output = Path(self._folder.name)
        said = [(output / name).read_text() for name in ("stdout", "stderr")]
        self._folder.cleanup()
        return subprocess.CompletedProcess([], status, *said)


def _live(words: Sequence[str], env: Mapping[str, str], cwd: str, output: Path) -> None:
    """What a forked command does: it gets what it would have inherited, and ends as others do."""
    atexit._clear()  # what is the server's to put away: folders that other commands use too
    os.setsid()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(output / name, os.O_WRONLY | os.O_CREAT), number)
    from mirage.cli import main

    try:
        main(words)
    finally:
        atexit._run_exitfuncs()  # its own, which multiprocessing leaves out


def free_ports(number: int = 1) -> int:
    """The first of so many ports in a row that nobody has."""
    while True:
        with ExitStack() as stack:
            first = 0
            try:
                for place in range(number):
                    port = stack.enter_context(socket.socket())
                    port.bind(("127.0.0.1", first + place if first else 0))
                    first = first or port.getsockname()[1]
            except (OSError, OverflowError):  # one has it, or there are no more
                continue
            return first


def forked_ranks(*words: str, world: int = 2) -> subprocess.CompletedProcess[str]:
    """`mirage` with these words on several processes, as torchrun starts them.

    Where one fails, the others are ended. The output is that of one after the other; the status is
    the first that is not 0.
    """
    common = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_ports()),
        "TORCHELASTIC_RUN_ID": "test",
        "WORLD_SIZE": str(world),
        "LOCAL_WORLD_SIZE": str(world),
        "GROUP_RANK": "0",
        "WANDB_MODE": "offline",
    }
    ranks = [{"RANK": str(i), "LOCAL_RANK": str(i)} for i in range(world)]
    commands = [Command(*words, env=common | rank) for rank in ranks]
    while None in (statuses := [command.status for command in commands]):
        if any(statuses):
            for command, status in zip(commands, statuses, strict=True):
                if status is None:
                    command.tell(signal.SIGTERM)
            break
        time.sleep(0.01)
    done = [command.wait() for command in commands]
    status = next((d.returncode for d in done if d.returncode), 0)
    return subprocess.CompletedProcess(
        words, status, "".join(d.stdout for d in done), "".join(d.stderr for d in done)
    )


def torchrun(*words: str, world: int = 2) -> subprocess.CompletedProcess[str]:
    """`mirage` with these words, on several processes of one thread each, started by torchrun."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(world)]
    here = os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(Path(__file__).parent)])
    return subprocess.run(
        [sys.executable, *launcher, "-m", "mirage.cli", *words],
        env=os.environ | {"WANDB_MODE": "offline", "OMP_NUM_THREADS": "1", "PYTHONPATH": here},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
