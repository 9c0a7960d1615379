"""The encoder on its own, in a file that processes and restarts of one discovery share."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mirage.files import replacing
from mirage.parts.codebook import PartCodebook
from mirage.poses.descriptor import LayoutEncoder

_CODEBOOK = "codebook."


def save_encoder(path: Path, encoder: LayoutEncoder) -> None:
    """Write one .npz file; every bit of every number comes back."""
    arrays = _values(encoder)
    arrays |= {_CODEBOOK + name: value for name, value in _values(encoder.codebook).items()}
    with replacing(path) as temporary:
        np.savez(temporary, **arrays)


def load_encoder(path: Path) -> LayoutEncoder:
    """Read what `save_encoder` wrote."""
    with np.load(path) as file:
        values = {name: v.item() if (v := file[name]).ndim == 0 else v for name in file.files}
    codebook = {k.removeprefix(_CODEBOOK): v for k, v in values.items() if k.startswith(_CODEBOOK)}
    rest = {k: v for k, v in values.items() if not k.startswith(_CODEBOOK)}
    return LayoutEncoder(codebook=PartCodebook(**codebook), **rest)


def _values(part: Any) -> dict[str, Any]:
    """The fields of a dataclass that are numbers and arrays."""
    found = {field.name: getattr(part, field.name) for field in fields(part)}
    return {name: value for name, value in found.items() if not is_dataclass(value)}
