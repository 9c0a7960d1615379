"""Other values for a configuration dataclass, and what two of a kind differ in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from mirage.core.errors import MirageError

T = TypeVar("T")


def changed(section: T, changes: Mapping[str, Any], what: str) -> T:
    """A configuration dataclass with other values.

    Args:
        changes: field → value; `outer.inner` names a field of the section in a field, and so does a
            mapping as the value of that one.
        what: the section's name, for complaints.

    Raises:
        MirageError: there is no such field, or the values cannot be.
    """
    known = {item.name for item in fields(section)}  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    nested: dict[str, dict[str, Any]] = {}
    for name, value in changes.items():
        outer, _, inner = name.partition(".")
        if outer not in known:
            raise MirageError(
                f"{name!r} is not a setting of {what}",
                where=what,
                todo=f"use one of {', '.join(sorted(differences(section)))}",
            )
        if inner:
            nested.setdefault(outer, {})[inner] = value
        elif is_dataclass(getattr(section, outer)) and isinstance(value, Mapping):
            nested.setdefault(outer, {}).update(value)
        else:
            values[outer] = value
    for outer, inner_changes in nested.items():
        values[outer] = changed(getattr(section, outer), inner_changes, f"{what}.{outer}")
    return replace(section, **values)  # type: ignore[type-var]


def differences(section: Any, default: Any = None) -> dict[str, Any]:
    """Dotted name → value of what differs from `default`; of everything where there is none."""
    found: dict[str, Any] = {}
    for item in fields(section):
        value = getattr(section, item.name)
        other = None if default is None else getattr(default, item.name)
        if is_dataclass(value):
            inner = differences(value, other)
            found |= {f"{item.name}.{name}": each for name, each in inner.items()}
        elif default is None or value != other:
            found[item.name] = value
    return found
