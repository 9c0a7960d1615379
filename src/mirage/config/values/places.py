"""Paths among the keys: text as it is typed, whatever else it looks like; ~ is the home folder."""

from __future__ import annotations

import os
from dataclasses import fields, is_dataclass
from typing import Any

Place = str  # a field of this type is a file or folder, or a name that a folder may have


def expand_places(section: Any) -> None:
    """Put the home folder in place of ~ in every path of a configuration dataclass."""
    for item in fields(section):
        value = getattr(section, item.name)
        if is_dataclass(value):
            expand_places(value)
        elif "Place" in str(item.type) and isinstance(value, list):
            setattr(section, item.name, [os.path.expanduser(path) for path in value])
        elif "Place" in str(item.type) and value is not None:
            setattr(section, item.name, os.path.expanduser(value))
