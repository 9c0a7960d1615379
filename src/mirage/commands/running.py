"""How a command is run: its stages in order, here or as a job of the cluster."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path

from mirage.commands.registry import COMMANDS, MULTIRUN
from mirage.config import Config
from mirage.core.errors import MirageError
from mirage.core.files import refusals_told
from mirage.core.messages import begin
from mirage.core.progress import chosen, tell_json
from mirage.runs.request import Request

# What is heavy is imported in functions: help and errors are instant.


def execute(request: Request) -> None:
    """Do what was asked for.

    Raises:
        MirageError: it cannot be done.
    """
    name = "sweep" if request.options & set(MULTIRUN) else request.command
    command = COMMANDS[name]
    if command.stages:
        _work_on_a_run(request)
    elif command.prints_result:
        print(find_run(name)(request), end="", flush=True)
    else:
        _tell(name, lambda: find_run(name)(request))


def find_run(module: str) -> Callable[[Request], str]:
    """What does the work of a command, or of a stage, and returns its closing line."""
    run: Callable[[Request], str] = import_module(f"mirage.commands.{module}").run
    return run


def _work_on_a_run(request: Request) -> None:
    from mirage.config.load import load_config

    name, config = request.command, load_config(request.words)  # there are no operands
    if config.launcher.kind == "slurm" and not config.dry_run:
        from mirage.cluster.launch import submit

        _tell(name, lambda: submit(name, partial(run_as_job, name), config))
    else:
        run_command(name, config)


def run_as_job(name: str, config: Config) -> None:
    """`run_command` as a job of its own does it: it fails as a process, with a message."""
    if status := status_of(lambda: run_command(name, config)):
        sys.exit(status)


def status_of(work: Callable[[], None]) -> int:
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
        print("mirage: interrupted; the same command resumes from here", file=sys.stderr)
        return 130
    return 0


def run_command(name: str, config: Config) -> None:
    """Run the stages of a command; each ends with a line that says what it wrote.

    Raises:
        MirageError: a stage cannot be done.
    """
    from mirage.config.load import save_config
    from mirage.distributed.ranks import find_ranks

    speaks = find_ranks().is_first
    begin(chosen(), speaks)
    if config.dry_run and name != "train":
        raise MirageError(
            f"`mirage {name}` cannot be tried without doing it",
            where="configuration key dry_run",
            todo="it is for `mirage train`, which is what takes long",
        )
    if speaks and not config.dry_run:
        save_config(config)
    trains = "train" in COMMANDS[name].stages
    if trains:
        _require_autoencoder(config)
    for stage in COMMANDS[name].stages:
        if trains and stage != "images" and config.is_open:
            config = _settle(config, speaks)
        work = partial(find_run(f"stages.{stage}"), Request(stage, given=config))
        _tell(stage, work, speaks)


def _settle(config: Config, speaks: bool) -> Config:
    """The configuration with the recipe that the run gets, now that its photos are known."""
    from mirage.config.load import save_config
    from mirage.images.image_set import open_images
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
    """Work, and its closing line."""
    line = work()
    if speaks and chosen() == "auto":
        print(line, flush=True)
    elif speaks and chosen() == "json":
        tell_json(done=what, said=line)
