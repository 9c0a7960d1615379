"""A sweep's jobs: laid out by Hydra's sweeper, and launched by the launcher that Hydra is told.

`hydra/launcher=NAME` on the command line names one; without it the jobs run here, one by one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any, TypeVar

from hydra._internal.callbacks import Callbacks
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.hydra import Hydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig, OmegaConf

from mirage.config import Config, SweepConfig, SweptConfig
from mirage.errors import MirageError
from mirage.experiment import check_words, open_experiments
from mirage.images.progress import show_progress

T = TypeVar("T")


@dataclass(frozen=True)
class Job:
    """One point of a sweep: a run of its own.

    Attributes:
        name: of the run's folder in the sweep's.
        variant: which of the sweep's variants it is; empty where there are none.
        axes: key → value, of the keys that take several values.
        words: the overrides that make it, in Hydra's grammar, all but `run`.
        config: its configuration.
    """

    name: str
    variant: str
    axes: dict[str, Any]
    words: tuple[str, ...]
    config: Config

    def in_folder(self, run: str) -> Job:
        """The same job with its run elsewhere."""
        return replace(self, config=replace(self.config, run=run))


@dataclass(frozen=True)
class Multirun:
    """A sweep.

    Attributes:
        run: its folder.
        words: the command line it was asked for with.
        settings: its commands, figures and plots.
        jobs: in the order of variants, then of the grid, the last key running fastest.
    """

    run: str
    words: tuple[str, ...]
    settings: SweepConfig
    jobs: tuple[Job, ...]

    def launch(self, task: Callable[[Config], T], jobs: Sequence[Job]) -> list[T]:
        """`task` of each job's configuration, wherever the launcher runs it.

        Args:
            task: must not raise, and must pickle where the launcher leaves this process.
        """
        with open_experiments(SweptConfig) as hydra:
            master, _ = _compose_base(hydra, self.words)
            launcher = Plugins.instance().instantiate_launcher(
                hydra_context=HydraContext(hydra.config_loader, Callbacks(master)),
                task_function=partial(_perform, task),
                config=master,
            )
            words = [[*job.words, _set_run(job.config.run)] for job in jobs]
            return [job.return_value for job in launcher.launch(words, initial_job_idx=0)]


def load_multirun(words: Sequence[str]) -> Multirun:
    """Lay out a sweep and check every job of it.

    Args:
        words: `key=value` words in Hydra's grammar; `sweep=NAME` names a file of
            experiments/sweep/, `key=a,b` gives a key several values, in place of the sweep's own.

    Raises:
        MirageError: an unknown key, a value that cannot be, or nothing that varies.
    """
    check_words(words)
    with open_experiments(SweptConfig) as hydra:
        master, given = _compose_base(hydra, words)
        settings = OmegaConf.to_object(master.sweep)
        assert isinstance(settings, SweepConfig)
        grid = _parse({key: _several(values) for key, values in settings.grid.items()})
        points = [
            (variant, point)
            for variant, changes in (settings.variants or {"": {}}).items()
            for point in _expand([*grid, *given, *_parse(changes)])
        ]
        jobs = [
            _make_job(hydra, master, variant, *point)
            for variant, point in show_progress(points, "check the jobs")
        ]
    names = [job.name for job in jobs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or names == [""]:
        raise MirageError(
            f"two jobs are named {twice[0]}" if twice else "nothing varies",
            where="command line" if not settings.grid else "configuration key sweep.grid",
            todo="tell them apart by variants with names" if twice
            else "name a sweep (`ls experiments/sweep`) or give a key values: poses.count=6,12",
        )  # fmt: skip
    return Multirun(str(master.run), tuple(words), settings, tuple(jobs))


def _compose_base(hydra: Hydra, words: Sequence[str]) -> tuple[DictConfig, list[Override]]:
    """The base of all jobs with Hydra's own settings, and the overrides that jobs are given."""
    given = _parse_words(words)
    single = [str(word.input_line) for word in given if not word.is_sweep_override()]
    master = hydra.compose_config(
        "config", single, RunMode.MULTIRUN, from_shell=False, with_log_configuration=False
    )
    return master, [word for word in given if not word.is_hydra_override()]


def _expand(overrides: Sequence[Override]) -> list[tuple[tuple[str, ...], dict[str, Any]]]:
    """The words of every combination, and its value of each key that takes several.

    Of overrides of the same key the last counts.
    """
    last = {word.get_key_element(): word for word in overrides}
    points = []
    for words in BasicSweeper.split_arguments(list(last.values()), None)[0]:
        values = {word.get_key_element(): word.value() for word in _parse_words(words)}
        axes = {key: values[key] for key, word in last.items() if word.is_sweep_override()}
        points.append((tuple(words), axes))
    return points


def _make_job(
    hydra: Hydra, master: DictConfig, variant: str, words: tuple[str, ...], axes: dict[str, Any]
) -> Job:
    name = _name(variant, axes)
    run = _set_run(f"{master.run}/{name}")
    composed = hydra.config_loader.load_sweep_config(master, [*words, run])
    return Job(name, variant, axes, words, _to_config(composed))


def _parse_words(words: Sequence[str]) -> list[Override]:
    return OverridesParser.create().parse_overrides(list(words))


def _parse(values: dict[str, Any]) -> list[Override]:
    return _parse_words([f"{key}={_text(value)}" for key, value in values.items()])


def _several(values: Any) -> str:
    """The values of a key of the grid in Hydra's grammar, also where the YAML has a list."""
    return f"choice({_text(values)[1:-1]})" if isinstance(values, list) else _text(values)


def _text(value: Any) -> str:
    """A value of YAML in Hydra's grammar; a text is in it already."""
    if isinstance(value, list):
        return f"[{','.join(map(_text, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{key}:{_text(item)}' for key, item in value.items())}}}"
    return value if isinstance(value, str) else json.dumps(value)


def _set_run(run: str) -> str:
    escaped = run.replace("'", "\\'")
    return f"run='{escaped}'"


def _name(variant: str, axes: dict[str, Any]) -> str:
    """Such as `wide,parts.seed=0`, of letters that are safe in a path."""
    parts = [variant] * bool(variant) + [f"{key}={_text(value)}" for key, value in axes.items()]
    return re.sub(r"[^\w.,=+-]", "", ",".join(parts))


def _to_config(composed: DictConfig) -> Config:
    """Without what is the sweep's and Hydra's."""
    own = OmegaConf.masked_copy(composed, [item.name for item in fields(Config)])
    settings: Any = OmegaConf.to_object(own)
    return Config(**settings)


def _perform(task: Callable[[Config], T], composed: DictConfig) -> T:
    return task(_to_config(composed))
