"""YAML and command line → a validated Config, once, at the entry point; and back to YAML.

An experiment is a short YAML in experiments/ that differs from the defaults in config/.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_module
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from hydra.utils import instantiate
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from mirage import experiments
from mirage.config import AUTO, AblationConfig, Config, EvaluateConfig, LauncherConfig, ViewsConfig
from mirage.config.explain import WHOLE, explain
from mirage.config.hydra_internals import Hydra
from mirage.config.overrides import (
    GROUPS,
    check_words,
    flat_values,
    in_hydras_grammar,
    read_override,
)
from mirage.config.renamed import modernise
from mirage.core.errors import MirageError
from mirage.core.files import SAVED, path_of, replacing

_NETWORK = tuple(
    f"model.{name}"
    for name in ("channels", "layers_per_block", "norm_groups", "attention_levels", "head_dim")
)
# Paths that may lead into the run's own folder.
_PATHS = ("images.path", "model.autoencoder", "autoencoder.start", "pretrained")


def load_config(overrides: Sequence[str]) -> Config:
    """The configuration of a command: defaults < experiment < the run's own < overrides.

    Args:
        overrides: `key=value` words; `experiment=NAME`, `backbone=NAME` and the like name files in
            experiments/, any other key is a field of `Config`, dotted.

    Raises:
        MirageError: unknown key, wrong type or impossible combination; says which key.
    """
    check_words(overrides)
    groups = [word for word in overrides if word.split("=", 1)[0] in GROUPS]
    values = [word for word in overrides if word not in groups]
    base = _compose(groups)
    named = [word.split("=", 1)[1] for word in groups if word.startswith("experiment=")]
    try:
        given = OmegaConf.merge({}, *(read_override(word) for word in values))
        merged = OmegaConf.merge(base, given)
        saved = path_of(merged.run) / SAVED
        if named:
            merged.recipe = named[-1]
        elif saved.exists():
            restored = _restore(saved, merged.run)
            for part in {
                word.split("=", 1)[0] for word in groups
            }:  # named now: wins over the run's
                OmegaConf.update(restored, part, base[part], merge=False)
            merged = OmegaConf.merge(restored, given)
            _refuse_late_budget(restored, merged, saved)
        for key in WHOLE:  # what is named now is all that counts
            if (value := OmegaConf.select(given, key)) is not None:
                OmegaConf.update(merged, key, value, merge=False)
        config = OmegaConf.to_object(merged)
    except OmegaConfBaseException as error:
        raise explain(error) from error
    assert isinstance(config, Config)
    if not config.is_open and config.pretrained is None:
        return config
    typed = {word.split("=", 1)[0] for word in values if not word.startswith("run=")}
    return replace(config, given=sorted({*config.given, *typed}))


def _restore(saved: Path, run: str) -> Any:
    """A run's own configuration, wherever it is now; one that knows of no recipe began without."""
    own = _read_yaml(saved)
    modernise(own)
    _move(own, run)
    restored = OmegaConf.merge(OmegaConf.structured(Config), own)
    restored.recipe = own.get("recipe")
    return restored


def _read_yaml(saved: Path) -> Any:
    """What a run's configuration holds, a mapping.

    Raises:
        MirageError: it is damaged.
    """
    try:
        own: Any = OmegaConf.load(saved)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _damaged(saved) from error
    if not OmegaConf.is_dict(own):
        raise _damaged(saved)
    return own


def _damaged(saved: Path) -> MirageError:
    return MirageError(
        "this run's configuration is damaged",
        where=str(saved),
        todo="mend it, or delete it and give the keys of the run again",
    )


def _move(own: Any, run: str) -> None:
    """Let a run that was moved or copied be where it is, and its paths into itself lead there."""
    before = Path(own.get("run", run)).absolute()
    own.run = run
    for key in _PATHS:
        path = OmegaConf.select(own, key)
        if path is not None and (there := Path(path).absolute()).is_relative_to(before):
            OmegaConf.update(own, key, str(Path(run) / there.relative_to(before)))


def _refuse_late_budget(before: Any, now: Any, saved: Path) -> None:
    fitted = before.recipe != AUTO and (before.budget.minutes is None or before.budget.share)
    if fitted and now.budget.minutes != before.budget.minutes:
        raise MirageError(
            "the steps of this run are settled already",
            where=f"configuration key budget.minutes, {saved}",
            todo="give train.steps, or begin another run",
        )


def lay_recipe(config: Config, name: str) -> Config:
    """The configuration with all that an experiment changes of the defaults, but what was given.

    What a network consists of belongs together: one key of it that was given leaves all alone.

    Raises:
        MirageError: what was given cannot be together with the rest.
    """
    base, recipe = (
        flat_values(OmegaConf.to_object(_compose(words))) for words in ([], [f"experiment={name}"])
    )
    left_alone = {key for key in base if config.was_given(key)}
    if left_alone & set(_NETWORK):
        left_alone |= set(_NETWORK)
    words = [
        f"{key}={value}"
        for key, value in recipe.items()
        if value != base[key] and key not in left_alone
    ]
    try:
        changes = [read_override(word) for word in words]
        laid = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(config), *changes))
    except OmegaConfBaseException as error:
        raise explain(error) from error
    assert isinstance(laid, Config)
    return replace(laid, recipe=name, given=config.given)


def change_config(config: Config, changes: dict[str, Any]) -> Config:
    """The configuration with other values, of nested sections too; checked as the command line is.

    Raises:
        MirageError: unknown key, wrong type or impossible combination; says which key.
    """
    try:
        changed = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(config), changes))
    except OmegaConfBaseException as error:
        raise explain(error) from error
    assert isinstance(changed, Config)
    return changed


def list_experiments() -> dict[str, dict[str, str]]:
    """Group → name → what the file's first comment says of it, of all files in experiments/.

    Only comments are read, so that a file with a mistake in it is listed too.
    """
    found: dict[str, dict[str, str]] = {}
    for path in sorted(Path(str(experiments.__file__)).parent.glob("*/*.yaml")):
        found.setdefault(path.parent.name, {})[path.stem] = _first_comment(path)
    return found


def _first_comment(path: Path) -> str:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    comments = [line.lstrip("# ").rstrip() for line in lines if line.startswith("#")]
    return next((c for c in comments if c and not c.startswith("@")), "")


def save_config(config: Config) -> None:
    """Keep the configuration with the run, so that later commands need only `run=DIR`.

    What belongs to one command and not to the run goes back to its default: a photo's pose, kept,
    would be believed of the next photo.
    """
    kept = replace(
        config,
        reference_pose=Config.reference_pose,
        views=replace(config.views, reference=ViewsConfig.reference),
        evaluate=replace(config.evaluate, json=EvaluateConfig.json),
        ablation=AblationConfig(),
        launcher=LauncherConfig(),
        dry_run=Config.dry_run,
    )
    path, text = Path(config.run) / SAVED, config_text(kept)
    if path.exists() and path.read_text() == text:  # a run may be there to be read alone
        return
    with replacing(path) as temporary:
        temporary.write_text(text)


def build_targets(specs: dict[str, Any]) -> list[Any]:
    """One object per spec: `_target_` is an import path, the other keys its arguments.

    Raises:
        MirageError: a path names nothing, or the arguments do not fit.
    """
    built = []
    for name, spec in specs.items():
        try:
            built.append(instantiate(spec, _convert_="all"))  # lists are lists, and pickle
        except HydraException as error:
            raise MirageError(
                str(error).splitlines()[0],
                where=f"configuration key train.callbacks.{name}",
                todo="_target_ must be an import path, as mirage.callbacks.ema.EMA",
            ) from error
    return built


def config_text(config: Config) -> str:
    """The configuration as YAML."""
    return OmegaConf.to_yaml(OmegaConf.structured(config))


def config_words(config: Config) -> list[str]:
    """The `key=value` words that make this configuration out of the defaults."""
    default = flat_values(OmegaConf.to_object(_compose([])))
    return [f"{key}={value}" for key, value in flat_values(config).items() if default[key] != value]


def _compose(groups: Sequence[str]) -> Any:
    """The defaults with the named files of experiments/ laid over them."""
    return deepcopy(_composed(tuple(groups)))  # to be changed by whoever asked


@cache
def _composed(groups: tuple[str, ...]) -> Any:
    with open_experiments(Config):
        composed = compose("config", overrides=[*map(in_hydras_grammar, groups)])
    OmegaConf.set_struct(composed, True)
    # Named by whoever writes them.
    for named in (composed.train.callbacks, composed.ablation.rows, composed.poses.anchors):
        OmegaConf.set_struct(named, False)
    return composed


@contextmanager
def open_experiments(schema: type[Config]) -> Iterator[Hydra]:
    """Hydra over experiments/, every file of which must fit the schema.

    A program that imports this package may be one of Hydra's: its own is there again afterwards.

    Raises:
        MirageError: in place of what Hydra, OmegaConf and YAML complain of inside the block.
    """
    their_hydra, their_schemas = GlobalHydra.instance().hydra, dict(ConfigStore.instance().repo)
    GlobalHydra.instance().clear()
    ConfigStore.instance().store(name="schema", node=schema)
    try:
        with initialize_config_module("mirage.experiments", version_base="1.3"):
            hydra = GlobalHydra.instance().hydra
            assert hydra is not None
            yield hydra
    except HydraException as error:
        if isinstance(error.__cause__, OmegaConfBaseException):
            raise explain(error.__cause__) from error
        raise MirageError(
            str(error).split("\n\n")[0],
            where="command line",
            todo="`ls experiments/*` lists the names that exist",
        ) from error
    except OmegaConfBaseException as error:
        raise explain(error) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise MirageError(
            "a file that was named is no YAML: " + " ".join(str(error).split()),
            where="experiments/",
            todo="mend it at the line named",
        ) from error
    finally:
        GlobalHydra.instance().hydra = their_hydra
        ConfigStore.instance().repo = their_schemas
