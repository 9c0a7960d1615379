"""A pose bank as one safetensors file."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from mirage.config import BackboneConfig
from mirage.core.contracts import FloatArray, PoseRing
from mirage.core.errors import MirageError
from mirage.core.files import replacing
from mirage.parts.codebook import PartCodebook
from mirage.parts.foreground import Foreground
from mirage.poses.bank import PoseBank
from mirage.poses.circle.reader import CircleReader
from mirage.poses.description.descriptor import LayoutEncoder
from mirage.poses.stability import CountChoice, CountTrial

_FORMAT = "mirage-pose-bank-2"
_LARGE = 10_000  # numbers of an array


def save_bank(bank: PoseBank, path: str | Path, small: bool = False) -> None:
    """Write one safetensors file, by way of a temporary name.

    Args:
        small: round its large arrays to 16 bits.
    """
    codebook, encoder, circle = bank.encoder.codebook, bank.encoder, bank.circle
    tensors = {
        "codebook.mean": codebook.mean,
        "codebook.basis": codebook.basis,
        "codebook.centroids": codebook.centroids,
        "foreground.slope": encoder.foreground.slope,
        "encoder.weights": encoder.weights,
        "encoder.mean": encoder.mean,
        "encoder.basis": encoder.basis,
        "centroids": bank.centroids,
        "ring.azimuth": bank.ring.azimuth,
    }
    if circle is not None:
        tensors |= {f"circle.{name}": array for name, array in circle.arrays().items()}
    facts = {
        "format": _FORMAT,
        "backbone": asdict(bank.backbone),
        "temperature": codebook.temperature,
        "foreground_threshold": encoder.foreground.threshold,
        "grid": encoder.grid,
        "circle_weight": bank.circle_weight,
        "softness": bank.softness,
        "topk": bank.topk,
        "score": bank.ring.score,
        "span": list(bank.ring.span),
        "mirror": bank.mirror.tolist(),
        "parents": None if bank.parents is None else bank.parents.tolist(),
        "strange": bank.outlier_limit,
        "choice": asdict(bank.choice),
        "timing_error": bank.timing_error,
        "object_sides": bank.object_sides,
    }
    arrays = {k: np.ascontiguousarray(v, dtype=np.float32) for k, v in tensors.items()}
    if small:
        arrays = {k: v.astype(np.float16) if v.size >= _LARGE else v for k, v in arrays.items()}
    # One entry: several are written in an order left to chance, and the file's hash would change.
    with replacing(Path(path)) as temporary:
        save_file(arrays, temporary, {"facts": json.dumps(facts)})


def load_bank(path: str | Path) -> PoseBank:
    """Read what `save_bank` wrote.

    Raises:
        MirageError: the file is missing, is not a pose bank, or is damaged.
    """
    try:
        with safe_open(str(path), framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {
                key: file.get_tensor(key).astype(np.float32)
                for key in file.keys()  # noqa: SIM118
            }
        facts = json.loads(metadata.get("facts", "{}"))
        found = facts.get("format", metadata.get("format"))  # beside the facts in older banks
        if found != _FORMAT:
            raise ValueError(f"its format is {found!r}, expected {_FORMAT!r}")
        return _from_parts(tensors, facts)
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise MirageError(
            f"the pose bank cannot be read: {str(error)[:200]}",
            where=str(path),
            todo="run `mirage poses` again to make it",
        ) from error


def _choice_from(facts: dict[str, Any]) -> CountChoice:
    trials = tuple(CountTrial(**trial) for trial in facts["candidates"])
    return CountChoice(facts["chosen"], facts["why"], trials)


def _from_parts(tensors: dict[str, FloatArray], facts: dict[str, Any]) -> PoseBank:
    codebook = PartCodebook(
        tensors["codebook.mean"],
        tensors["codebook.basis"],
        tensors["codebook.centroids"],
        float(facts["temperature"]),
    )
    encoder = LayoutEncoder(
        codebook,
        Foreground(tensors["foreground.slope"], float(facts["foreground_threshold"])),
        tensors["encoder.weights"],
        int(facts["grid"]),
        tensors["encoder.mean"],
        tensors["encoder.basis"],
    )
    circle = {k.removeprefix("circle."): v for k, v in tensors.items() if k.startswith("circle.")}
    return PoseBank(
        backbone=BackboneConfig(**facts["backbone"]),
        encoder=encoder,
        circle=CircleReader.from_arrays(circle) if circle else None,
        centroids=tensors["centroids"],
        circle_weight=float(facts["circle_weight"]),
        softness=float(facts["softness"]),
        topk=int(facts["topk"]),
        ring=PoseRing(tensors["ring.azimuth"], float(facts["score"]), tuple(facts["span"])),
        mirror=np.asarray(facts["mirror"]),
        parents=None if facts["parents"] is None else np.asarray(facts["parents"]),
        outlier_limit=float(facts["strange"]),
        choice=_choice_from(facts["choice"]),
        timing_error=facts.get("timing_error"),  # of banks before there were clocks, none
        object_sides=tuple(sides) if (sides := facts.get("object_sides")) else None,
    )
