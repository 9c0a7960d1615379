"""A sweep as a file for W&B, whose server hands its points to agents that run them.

`wandb sweep FILE` registers it, `wandb agent ID` runs points of it here, one after the other.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import yaml

from mirage.config.overrides import is_place, is_text, quote
from mirage.core.errors import MirageError
from mirage.core.files import replacing
from mirage.sweeps.multirun import Multirun

# Not ${envvar:…}: agents fill that in before they know which point it is.
_POINT = "sweep.point=${oc.env:WANDB_RUN_ID}"


def write_for_agents(sweep: Multirun) -> str:
    """Write the sweep to `sweep.wandb` in W&B's format; returns the closing line.

    Variants become the parameter `sweep.variant`. Each point is a run in the sweep's folder, named
    by its W&B run.

    Raises:
        MirageError: the jobs are not every combination of some values.
    """
    assert sweep.settings.wandb is not None
    path = Path(sweep.settings.wandb)
    asked = [word for word in sweep.words if not word.startswith("sweep.wandb=")]
    content = {
        "program": "mirage",
        "name": Path(sweep.run).name,
        "project": "mirage",
        "method": "grid",
        "parameters": {key: {"values": values} for key, values in _parameters(sweep).items()},
        "command": ["mirage", *asked, "${args_no_hyphens}", _POINT],
    }
    with replacing(path) as temporary:
        text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
        temporary.write_text(text, encoding="utf-8")
    return f"sweep: {len(sweep.jobs)} points → {path}: `wandb sweep {path}`, then `wandb agent ID`"


def _parameters(sweep: Multirun) -> dict[str, list[Any]]:
    """Key → its values, of which W&B makes every combination."""
    points = [
        ({"sweep.variant": job.variant} if job.variant else {}) | job.axes for job in sweep.jobs
    ]
    values: dict[str, list[Any]] = {}
    for point in points:
        for key, value in point.items():
            kept = values.setdefault(key, [])
            if (word := _word(key, value)) not in kept:
                kept.append(word)
    if any(point.keys() != values.keys() for point in points) or (
        math.prod(map(len, values.values())) != len(points)
    ):
        raise MirageError(
            "W&B runs every combination of some values, and these jobs are not that",
            where="configuration key sweep.variants",
            todo="give no variant several values of a key; leave those to sweep.grid",
        )
    return values


def _word(key: str, value: Any) -> Any:
    """A value as W&B keeps it and writes it after `key=`, where it is read as if it were typed."""
    if value is None:
        return "null"
    if isinstance(value, list):
        return f"[{','.join(str(_word(key, item)) for item in value)}]"
    if not isinstance(value, str) or is_place(key):
        return value
    plain = r"[^,'\"]+" if is_text(key) else r"[A-Za-z_][\w./-]*"
    return value if re.fullmatch(plain, value) else quote(value)
