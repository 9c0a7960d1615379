"""Every configuration key with its type, default and meaning, read from mirage.config.

The comment beside a field, or in the lines above it, is the one place that explains its key.
"""

from __future__ import annotations

import ast
import inspect
import io
import math
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from typing import Any, get_args, get_type_hints

import yaml

_TO_TOOLS = ("fmt:", "noqa", "type:")  # comments that explain nothing


@dataclass(frozen=True)
class Key:
    """One key: dotted name, type as written, default as on the command line, meaning."""

    name: str
    type: str
    default: str
    meaning: str


@dataclass(frozen=True)
class Section:
    """The keys of one dataclass, those of the sections in it apart."""

    name: str
    about: str
    keys: list[Key]


def sections(
    config: type, name: str = "", defaults: Any = None, meaning: str = ""
) -> Iterator[Section]:
    """The keys of a dataclass and of those nested in it, in the order they are written in.

    Args:
        defaults: an object of that class, whose values are the defaults; None: those of its fields.
        meaning: of the field that holds it.
    """
    node = _class_node(config)
    meanings = explain(config)
    types, nested, keys = get_type_hints(config), [], []
    for item in fields(config):
        dotted = f"{name}.{item.name}" if name else item.name
        inner = _section_in(types[item.name], dotted)
        value = _default(item) if defaults is None else getattr(defaults, item.name)
        its_meaning = meanings.get(item.name, "")
        if inner is not None:
            nested.append((*inner, value if is_dataclass(value) else None, its_meaning))
        if not is_dataclass(types[item.name]):
            keys.append(Key(dotted, str(item.type), _as_text(value), its_meaning))
    about = ast.get_docstring(node) or inspect.getdoc(sys.modules[config.__module__]) or ""
    yield Section(name, f"{about}\n\n{meaning}".strip(), keys)
    for dotted, inner_config, values, its_meaning in nested:
        yield from sections(inner_config, dotted, values, its_meaning)


def explain(config: type) -> dict[str, str]:
    """Field → its comment, of the fields written in the class itself."""
    module = inspect.getsource(sys.modules[config.__module__])
    beside, alone = _comments(module)
    found = {}
    for node in _class_node(config).body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            above, line = [], node.lineno - 1
            while line in alone:
                above.insert(0, alone[line])
                line -= 1
            ends = {node.lineno, node.end_lineno or node.lineno}
            words = [*above, *(beside[line] for line in sorted(ends) if line in beside)]
            if words:
                found[node.target.id] = " ".join(words)
    return found


def _class_node(config: type) -> ast.ClassDef:
    tree = ast.parse(inspect.getsource(sys.modules[config.__module__]))
    return next(
        node
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name == config.__name__
    )


def _comments(source: str) -> tuple[dict[int, str], dict[int, str]]:
    """Line → comment: those that follow code, and those that have the line to themselves."""
    beside: dict[int, str] = {}
    alone: dict[int, str] = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        text = token.string.removeprefix("#").strip()
        if token.type == tokenize.COMMENT and not text.startswith(_TO_TOOLS):
            (beside if token.line[: token.start[1]].strip() else alone)[token.start[0]] = text
    return beside, alone


def _section_in(hint: Any, name: str) -> tuple[str, type] | None:
    """The section that a field is, or that each of its values is; its keys' prefix."""
    if is_dataclass(hint):
        assert isinstance(hint, type)
        return name, hint
    of_values = [part for part in get_args(hint) if is_dataclass(part)]
    return (f"{name}.NAME", of_values[0]) if of_values else None


def _default(item: Field[Any]) -> Any:
    make = item.default_factory
    return item.default if make is MISSING else make()


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    text = yaml.safe_dump(value, default_flow_style=True, width=math.inf, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")
