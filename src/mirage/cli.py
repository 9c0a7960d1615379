"""mirage <command> [overrides]: the entry point."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path

from mirage.commands.registry import COMMANDS, MULTIRUN, QUIET, command_help, general_help, options
from mirage.config import Config
from mirage.core.errors import MirageError
from mirage.core.files import path_of, refusals_told
from mirage.core.machine import heed_limits
from mirage.core.progress import choose, chosen, tell_json

_NOBODY_READS = 141  # 128 + SIGPIPE, as shells tell it


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; exits 0, or 1 with a message, or 130 when interrupted."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    choose(_style(words))
    heed_limits()
    with _streams_of_any_kind():
        status = _status(lambda: _dispatch(words))
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


def run_as_job(name: str, config: Config) -> None:
    """`run_command` as a job of its own does it: it fails as a process, with a message."""
    if status := _status(lambda: run_command(name, config)):
        sys.exit(status)


def _status(work: Callable[[], None]) -> int:
    """What the process ends with after `work`; whoever started it is told why it is not 0."""
    try:
        with refusals_told():
            work()
    except MirageError as error:
        if chosen() == "json":
            tell_json(error=error.what, where=error.where, todo=error.todo)
        else:
            print(f"mirage: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("mirage: interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    return 0


@dataclass(frozen=True)
class _Typed:
    """A command as it was typed: its name, its options, and the other words."""

    name: str
    flags: frozenset[str]
    words: list[str]

    def none_but_options(self) -> None:
        """Raise MirageError where there are other words."""
        if self.words:
            raise MirageError(
                f"{self.words[0]!r} is not understood",
                where="command line",
                todo=f"`mirage {self.name}`",
            )


def _dispatch(words: list[str]) -> None:
    asks_help = any(word in ("--help", "-h") for word in words)
    if not words or (asks_help and words[0] not in COMMANDS):
        print(general_help())
        return
    name, rest = words[0], words[1:]
    if name not in COMMANDS:
        raise MirageError(
            f"no command {name!r}", where="command line", todo=f"use {', '.join(COMMANDS)}"
        )
    if asks_help:
        print(command_help(name))
        return
    flags = frozenset(word for word in rest if word in (*MULTIRUN, "-q") or word.startswith("--"))
    if unknown := flags - options(name):
        raise MirageError(
            f"unknown option {min(unknown)}", where="command line", todo="write key=value"
        )
    typed = _Typed(name, flags, [word for word in rest if word not in flags])
    way = _sweep if flags & set(MULTIRUN) else _WAYS.get(name, _work_on_a_run)
    way(typed)


# One function a way to work. What is heavy is imported in them: help and errors are instant.


def _work_on_a_run(typed: _Typed) -> None:
    from mirage.config.load import load_config

    config = load_config(typed.words)
    if config.launcher.kind == "slurm" and not config.dry_run:
        from mirage.cluster.launch import submit

        _tell(typed.name, lambda: submit(typed.name, partial(run_as_job, typed.name), config))
    else:
        run_command(typed.name, config)


def _assign(typed: _Typed) -> None:
    from mirage.config.load import load_config
    from mirage.runs.folder import RunFolder

    photos = [word for word in typed.words if not _is_override(word)]
    config = load_config([word for word in typed.words if word not in photos])
    folder, flags = RunFolder(Path(config.run)), typed.flags
    print(_stage("assign")(config, folder, photos, "--json" in flags, "--explain" in flags))


def _sweep(typed: _Typed) -> None:
    from mirage.sweeps.agents import write_for_agents
    from mirage.sweeps.multirun import load_multirun

    def sweep() -> str:
        asked = load_multirun(typed.words, typed.name)
        if asked.settings.wandb is not None:
            return write_for_agents(asked)
        return _stage("sweep")(asked, run_command)

    _tell("sweep", sweep)


def _compare(typed: _Typed) -> None:
    runs = [word for word in typed.words if not _is_override(word)]
    targets = [word for word in typed.words if word not in runs]
    unknown = [word for word in targets if not word.startswith("run=")]
    if unknown:
        raise MirageError(
            f"{unknown[0]!r} is not understood",
            where="command line",
            todo="`mirage compare RUN RUN… run=DIR`",
        )
    target = targets[-1].removeprefix("run=") if targets else "runs/compare"
    _tell("compare", lambda: _stage("compare")(runs, path_of(target)))


def _experiments(typed: _Typed) -> None:
    from mirage.config.load import list_experiments

    typed.none_but_options()
    lines = []
    for group, names in list_experiments().items():
        width = max(map(len, names))
        lines += [f"{group}=", *(f"  {name:<{width}}  {line}" for name, line in names.items()), ""]
    print("\n".join(lines[:-1]))


def _doctor(typed: _Typed) -> None:
    from mirage.commands.registry import doctor

    typed.none_but_options()
    doctor.run()


def _workspace(typed: _Typed) -> None:
    from mirage.tracking.workspace import apply

    _tell("workspace", lambda: apply(typed.words))


_WAYS: dict[str, Callable[[_Typed], None]] = {
    "assign": _assign, "compare": _compare, "doctor": _doctor, "experiments": _experiments,
    "sweep": _sweep, "workspace": _workspace,
}  # fmt: skip


def _style(words: Sequence[str]) -> str:
    """How progress is told of; the JSON of `assign` is its result, which nothing may disturb."""
    if set(words) & set(QUIET) or ("--json" in words and words[0] == "assign"):
        return "quiet"
    return "json" if "--json" in words else "auto"


def run_command(name: str, config: Config) -> None:
    """Run the stages of a command; each ends with a line that says what it wrote."""
    from mirage.config.load import save_config
    from mirage.distributed.ranks import find_ranks
    from mirage.runs.folder import RunFolder

    speaks = find_ranks().is_first
    if config.dry_run and name != "train":
        raise MirageError(
            f"`mirage {name}` cannot be tried without doing it",
            where="configuration key dry_run",
            todo="it is for `mirage train`, which is what takes long",
        )
    if speaks and not config.dry_run:
        save_config(config)
    trains = "training" in COMMANDS[name].stages
    if trains:
        _require_autoencoder(config)
    for stage in COMMANDS[name].stages:
        if trains and stage != "images" and config.is_open:
            config = _settle(config, speaks)
        work = partial(_stage(stage), config, RunFolder(Path(config.run)))
        _tell(stage, work, speaks)


def _settle(config: Config, speaks: bool) -> Config:
    """The configuration with the recipe that the run gets, now that its photos are known."""
    from mirage.config.load import save_config
    from mirage.images.manifest import open_images
    from mirage.runs.folder import RunFolder
    from mirage.training.circumstances import settle

    folder = RunFolder(Path(config.run))
    if not folder.is_done("images"):
        return config  # the stage tells what is missing
    settled, line = settle(config, open_images(folder["images"]))
    _tell("recipe", lambda: line, speaks)
    _require_autoencoder(settled)
    if speaks and not config.dry_run:
        save_config(settled)
    return settled


def _require_autoencoder(config: Config) -> None:
    """Raise MirageError where training would, hours later, for want of an autoencoder."""
    from mirage.runs.folder import RunFolder

    if config.model.autoencoder is None or RunFolder(Path(config.run)).is_done("model"):
        return
    from mirage.training.latents import open_codec

    open_codec(config)


def _tell(what: str, work: Callable[[], str], speaks: bool = True) -> None:
    """Work, and its closing line; what it prints is for people, not for scripts."""
    if chosen() == "auto":
        line = work()
    else:
        with open(os.devnull, "w") as nothing, redirect_stdout(nothing):
            line = work()
    if speaks and chosen() == "auto":
        print(line, flush=True)
    elif speaks and chosen() == "json":
        tell_json(done=what, said=line)


def _is_override(word: str) -> bool:
    """Whether a word is key=value and not the name of a file or folder."""
    return "=" in word and not path_of(word).exists()


def _stage(name: str) -> Callable[..., str]:
    run: Callable[..., str] = import_module(f"mirage.stages.{name}").run
    return run


if __name__ == "__main__":
    main()
