"""`key=value` words: what their values are, by the type of the key's field.

A value of text (str, Place) is taken as it is typed: 2024_05_01 is no number and `on` no truth. All
others are YAML. A sweep reads words in Hydra's grammar, which they are translated to: there a
comma tells values of a key apart, but for a Place, whose name may have one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, get_type_hints

import yaml
from omegaconf import OmegaConf

from mirage.config import SweptConfig
from mirage.core.errors import MirageError
from mirage.core.files import path_of

PARTS = ("backbone", "ablation", "launcher")  # folders of experiments/ for parts of `Config`
GROUPS = ("experiment", *PARTS)  # `backbone=effnet_lite` picks a file

_TEXT = re.compile(r"(str|Place)( \| None)?")
_TEXTS = re.compile(r"list\[(str|Place)\]")
_QUOTED = r"""(?:'[^']*'|"[^"]*")"""
_SEVERAL = re.compile(rf"(choice|shuffle|sort|glob)\(.*\)|{_QUOTED}(,{_QUOTED})+")  # as Hydra reads


def check_words(words: Sequence[str]) -> None:
    """Refuse what is not key=value.

    Raises:
        MirageError: names the first such word.
    """
    for word in words:
        if "=" not in word:
            exists = path_of(word).exists()
            todo = f"write images.path={word}" if exists else "write key=value"
            raise MirageError(f"{word!r} is not an override", where="command line", todo=todo)


def known_keys(section: Any, prefix: str = "") -> dict[str, Any]:
    """Every dotted key below a dataclass → its field type, as written."""
    keys: dict[str, Any] = {}
    types = get_type_hints(section)
    for item in fields(section):
        name = f"{prefix}{item.name}"
        keys[name] = item.type
        if is_dataclass(types[item.name]):
            keys |= known_keys(types[item.name], f"{name}.")
    return keys


def read_override(word: str) -> Any:
    """A word as a tree of OmegaConf.

    Raises:
        MirageError: a bracket or quote is left open, or there is no value where one must be.
    """
    key, _, value = word.partition("=")
    kind = _kinds().get(key, "")
    try:
        if _TEXT.fullmatch(kind):
            return OmegaConf.create(_nested(key, _text(key, kind, value)))
        if _TEXTS.fullmatch(kind):
            return OmegaConf.create(_nested(key, yaml.load(value, yaml.BaseLoader)))
        return OmegaConf.from_dotlist([word])
    except yaml.YAMLError as error:
        raise MirageError(
            f"{word!r} cannot be read", where="command line", todo="close its brackets and quotes"
        ) from error


def in_hydras_grammar(word: str) -> str:
    """The same word where Hydra reads it."""
    key, _, value = word.partition("=")
    kind = _kinds().get(key.lstrip("+"), "")
    if not value or _SEVERAL.fullmatch(value):
        return word
    if _TEXTS.fullmatch(kind):
        try:
            items = yaml.load(value, yaml.BaseLoader)
        except yaml.YAMLError:  # several lists
            return word
        return f"{key}=[{','.join(map(quote, items))}]" if isinstance(items, list) else word
    if not _TEXT.fullmatch(kind):
        return word
    if kind.startswith("Place"):
        return f"{key}={_quoted(kind, value)}"
    if value[0] in "'\"" or "${" in value:
        return word
    values = [_quoted(kind, part.strip()) for part in value.split(",")]
    return f"{key}={values[0]}" if len(values) == 1 else f"{key}=choice({','.join(values)})"


def is_place(key: str) -> bool:
    """Whether a key's value is a path."""
    return _kinds().get(key, "").startswith("Place")


def is_text(key: str) -> bool:
    """Whether a key's value is taken as it is typed."""
    return _TEXT.fullmatch(_kinds().get(key, "")) is not None


def quote(text: str) -> str:
    """A text that Hydra's grammar takes as it is."""
    escaped = re.sub(r"(\\*)('|$)", lambda m: m[1] * 2 + m[2].replace("'", "\\'"), text)
    return f"'{escaped}'"


def flat_values(section: Any, prefix: str = "") -> dict[str, str]:
    """Every dotted key below a dataclass that is no section itself → its value, as typed."""
    values: dict[str, str] = {}
    for item in fields(section):
        value, key = getattr(section, item.name), f"{prefix}{item.name}"
        if is_dataclass(value):
            values |= flat_values(value, f"{key}.")
        elif isinstance(value, str) and _TEXT.fullmatch(str(item.type)):
            values[key] = value
        else:
            plain = OmegaConf.to_container(OmegaConf.create({"value": value}))
            line = yaml.safe_dump(
                plain, default_flow_style=True, width=math.inf, allow_unicode=True
            )
            values[key] = line.strip().removeprefix("{value: ").removesuffix("}")
    return values


@cache
def _kinds() -> dict[str, str]:
    """Key → the type of its value, as written; those that name a file of experiments/ too."""
    groups = dict.fromkeys((*GROUPS, "sweep"), "str | None")
    return {key: str(kind) for key, kind in known_keys(SweptConfig).items()} | groups


def _text(key: str, kind: str, value: str) -> str | None:
    if kind.endswith("None") and value in ("", "null"):
        return None
    if not value:
        raise MirageError(
            f"{key} is given no value", where=f"configuration key {key}", todo="write key=value"
        )
    return value


def _quoted(kind: str, value: str) -> str:
    return value if value == "null" and kind.endswith("None") else quote(value)


def _nested(key: str, value: Any) -> Any:
    for name in reversed(key.split(".")):
        value = {name: value}
    return value
