"""MIRAGE: from a folder of unposed photos of one kind of object to the object turned by 360°."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mirage.api import Mirage
    from mirage.core.errors import MirageError

__all__ = ["Mirage", "MirageError"]

_MODULES = {"Mirage": "mirage.api", "MirageError": "mirage.core.errors"}


def __getattr__(name: str) -> Any:
    """What `__all__` names, imported when it is asked for: `import mirage` itself is instant."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
