"""What OmegaConf complains of, in words that name the key."""

from __future__ import annotations

import difflib

from omegaconf.errors import OmegaConfBaseException

from mirage.config import Config
from mirage.config.overrides import known_keys
from mirage.config.renamed import what_became_of
from mirage.core.errors import MirageError

WHOLE = ("poses.anchors",)  # dictionaries that are replaced and not added to


def explain(error: OmegaConfBaseException) -> MirageError:
    """OmegaConf's complaint as one that names the key and the nearest one that exists."""
    key = error.full_key or "?"
    first_line = str(error).splitlines()[0]
    known = list(known_keys(Config))
    if whole := next((name for name in WHOLE if key.startswith(f"{name}.")), None):
        return MirageError(
            f"{key.removeprefix(f'{whole}.')!r} cannot be read",
            where=f"configuration key {whole}",
            todo="leave a space after each colon, as in '{3: 0, 7: 45}'",
        )
    if key in known:
        return MirageError(first_line, where=f"configuration key {key}")
    if instead := what_became_of(key):
        return MirageError(
            f"{key} is no longer a key",
            where=f"configuration key {key}",
            todo=f"{instead}; docs/configuration.md has all keys",
        )
    near = difflib.get_close_matches(key, known, n=3)
    return MirageError(
        f"unknown configuration key {key!r}" if near or "not in" in first_line else first_line,
        where=f"configuration key {key}",
        todo=f"did you mean {' or '.join(near)}?" if near else "`mirage --help` lists the sections",
    )
