"""The encoder on its own, in a file that processes and restarts of one discovery share."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mirage.core.files import replacing
from mirage.parts.codebook import PartCodebook
from mirage.parts.foreground import Foreground
from mirage.poses.description.descriptor import LayoutEncoder

_PARTS = {"codebook": PartCodebook, "foreground": Foreground}  # fields that have fields


def save_encoder(path: Path, encoder: LayoutEncoder) -> None:
    """Write one .npz file; every bit of every number comes back."""
    arrays = _values(encoder)
    for part in _PARTS:
        values = _values(getattr(encoder, part))
        arrays |= {f"{part}.{name}": value for name, value in values.items()}
    with replacing(path) as temporary:
        np.savez(temporary, **arrays)


def load_encoder(path: Path) -> LayoutEncoder:
    """Read what `save_encoder` wrote."""
    with np.load(path) as file:
        values = {name: v.item() if (v := file[name]).ndim == 0 else v for name in file.files}
    own = {name: value for name, value in values.items() if "." not in name}
    for part, kind in _PARTS.items():
        start = f"{part}."
        own[part] = kind(
            **{k.removeprefix(start): v for k, v in values.items() if k.startswith(start)}
        )
    return LayoutEncoder(**own)


def _values(part: Any) -> dict[str, Any]:
    """The fields of a dataclass that are numbers and arrays."""
    found = {field.name: getattr(part, field.name) for field in fields(part)}
    return {name: value for name, value in found.items() if not is_dataclass(value)}
