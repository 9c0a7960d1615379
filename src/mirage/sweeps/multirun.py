"""A sweep's jobs, laid out by Hydra's sweeper; `mirage.cluster.launch` runs them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from mirage.config import Config, SweepConfig, SweptConfig, road_to
from mirage.config.hydra_internals import Hydra, split_points
from mirage.config.load import open_experiments
from mirage.config.overrides import check_words, in_hydras_grammar, is_text, quote
from mirage.core.errors import MirageError
from mirage.core.files import path_of
from mirage.core.progress import show_progress


@dataclass(frozen=True)
class Job:
    """One point of a sweep: a run of its own.

    Attributes:
        name: of the run's folder in the sweep's.
        variant: which of the sweep's variants it is; empty where there are none.
        axes: key → value, of the keys that take several values.
        config: its configuration.
    """

    name: str
    variant: str
    axes: dict[str, Any]
    config: Config


@dataclass(frozen=True)
class Multirun:
    """A sweep.

    Attributes:
        run: its folder.
        words: the command line it was asked for with, `mirage` left out.
        commands: what each job runs, in order.
        settings: what is compared at its end.
        jobs: in the order of variants, then of the grid, the last key running fastest.
    """

    run: str
    words: tuple[str, ...]
    commands: tuple[str, ...]
    settings: SweepConfig
    jobs: tuple[Job, ...]


def load_multirun(words: Sequence[str], command: str = "sweep") -> Multirun:
    """Lay out a sweep and check every job of it.

    Args:
        words: `key=value` words; `sweep=NAME` names a file of experiments/sweep/, `key=a,b` gives
            a key several values, and a path `key=choice(a,b)`, in place of the sweep's own.
        command: `sweep`, or the command that `--multirun` came with: jobs run the road up to it
            where the sweep names no commands.

    Raises:
        MirageError: an unknown key, a value that cannot be, or nothing that varies.
    """
    check_words(words)
    with open_experiments(SweptConfig) as hydra:
        master, given = _compose_base(hydra, words)
        settings = OmegaConf.to_object(master.sweep)
        assert isinstance(settings, SweepConfig)
        grid = _parse({key: _several(key, values) for key, values in settings.grid.items()})
        points = [
            (variant, point)
            for variant, changes in _variants(settings).items()
            for point in _expand([*grid, *given, *_parse(changes)])
        ]
        jobs = [
            _make_job(hydra, master, settings.point, variant, *point)
            for variant, point in show_progress(points, "check the jobs")
        ]
    _check_names([job.name for job in jobs], settings)
    asked = ("sweep",) if command == "sweep" else (command, "--multirun")
    commands = tuple(settings.commands or road_to(command))
    return Multirun(str(path_of(master.run)), (*asked, *words), commands, settings, tuple(jobs))


def _variants(settings: SweepConfig) -> dict[str, dict[str, Any]]:
    """Name → what it changes; one without a name where there are none."""
    if settings.variant is not None:
        return {settings.variant: settings.variants[settings.variant]}
    return settings.variants or {"": {}}


def _check_names(names: Sequence[str], settings: SweepConfig) -> None:
    """Refuse what is not a sweep, or not the one point that was asked for."""
    where = "configuration key sweep.grid" if settings.grid else "command line"
    if settings.point is not None:
        if len(names) > 1:
            raise MirageError(
                f"{len(names)} jobs are left of the sweep, not one",
                where=where,
                todo="with sweep.point, give every key one value, and sweep.variant where there "
                "are variants",
            )
        return
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise MirageError(
            f"two jobs are named {twice[0]}",
            where=where,
            todo="tell them apart by variants with names",
        )
    if names == [""]:
        raise MirageError(
            "nothing varies",
            where=where,
            todo="name a sweep (`mirage experiments`) or give a key values: poses.count=6,12",
        )


def _compose_base(hydra: Hydra, words: Sequence[str]) -> tuple[DictConfig, list[Override]]:
    """The base of all jobs with Hydra's own settings, and the overrides that jobs are given."""
    given = _parse_words([*map(in_hydras_grammar, words)])
    for word in given:
        if word.is_hydra_override():
            raise MirageError(
                f"{word.input_line!r} is Hydra's own, which only lays the jobs out",
                where="command line",
                todo="launcher=NAME says where the jobs of a sweep run",
            )
    single = [str(word.input_line) for word in given if not word.is_sweep_override()]
    master = hydra.compose_config(
        "config", single, RunMode.MULTIRUN, from_shell=False, with_log_configuration=False
    )
    return master, given


def _expand(overrides: Sequence[Override]) -> list[tuple[tuple[str, ...], dict[str, Any]]]:
    """The words of every combination, and its value of each key that takes several.

    Of overrides of the same key the last counts.
    """
    last = {word.get_key_element(): word for word in overrides}
    points = []
    for words in split_points(list(last.values())):
        values = {word.get_key_element(): word.value() for word in _parse_words(words)}
        axes = {key: values[key] for key, word in last.items() if word.is_sweep_override()}
        points.append((tuple(words), axes))
    return points


def _make_job(
    hydra: Hydra,
    master: DictConfig,
    point: str | None,
    variant: str,
    words: tuple[str, ...],
    axes: dict[str, Any],
) -> Job:
    name = point or _name(variant, axes)
    run = f"run={quote(str(path_of(master.run) / name))}"
    config = _to_config(hydra.config_loader.load_sweep_config(master, [*words, run]))
    # Points are compared as they are laid out: no recipe is chosen for one.
    group = config.group or Path(master.run).name
    return Job(name, variant, axes, replace(config, group=group, recipe=None))


def _parse_words(words: Sequence[str]) -> list[Override]:
    return OverridesParser.create().parse_overrides(list(words))


def _parse(values: dict[str, Any]) -> list[Override]:
    words = [f"{key}={_text(value)}" for key, value in values.items()]
    return _parse_words([*map(in_hydras_grammar, words)])


def _several(key: str, values: Any) -> str:
    """The values of a key of the grid, also where the YAML has a list."""
    if not isinstance(values, list):
        return _text(values)
    literal = is_text(key)
    items = [quote(v) if literal and isinstance(v, str) else _text(v) for v in values]
    return f"choice({','.join(items)})"


def _text(value: Any) -> str:
    """A value of YAML in Hydra's grammar; a text is in it already."""
    if isinstance(value, list):
        return f"[{','.join(map(_text, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{key}:{_text(item)}' for key, item in value.items())}}}"
    return value if isinstance(value, str) else json.dumps(value)


def _name(variant: str, axes: dict[str, Any]) -> str:
    """Such as `wide,parts.seed=0`, of letters that are safe in a path."""
    parts = [variant] * bool(variant) + [f"{key}={_text(value)}" for key, value in axes.items()]
    return re.sub(r"[^\w.,=+-]", "", ",".join(parts))


def _to_config(composed: DictConfig) -> Config:
    """Without what is the sweep's and Hydra's."""
    own = OmegaConf.masked_copy(composed, [item.name for item in fields(Config)])
    settings: Any = OmegaConf.to_object(own)
    return Config(**settings)
