"""The poses of a run's own photos against azimuths that somebody knows: `evaluate.truth`.

Only the evaluation reads them. What poses were found by has never seen them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mirage.core.contracts import HELDOUT, FloatArray, IntArray
from mirage.core.errors import MirageError
from mirage.drawing.plots.azimuth_truth import (
    AzimuthTruth,
    error_figures,
    error_intervals,
    timing_figures,
)
from mirage.drawing.plots.pose_plots import found_against_true
from mirage.images.image_set import open_images
from mirage.images.sources.listing import read_listing, read_number, same_spelling
from mirage.metrics import poses as metrics
from mirage.poses.labels import read_labels
from mirage.runs.folder import LABELS_FILE, RunFolder

_CLOSE = 15.0  # degrees of error that count as right in the reliability
_SURE = 0.5  # confidence from which a photo on the wrong half counts as a sure mistake
_DRAWN = 4000  # photos on the plot
_KEY = "configuration key evaluate.truth"


@dataclass(frozen=True)
class KnownAzimuths:
    """What a table says of photos.

    Attributes:
        path: as the run's manifest names them.
        azimuth: [M] degrees in [0, 360). elevation: [M] degrees, NaN where it is not told.
    """

    path: list[str]
    azimuth: FloatArray
    elevation: FloatArray

    @classmethod
    def read(cls, table: Path) -> KnownAzimuths:
        """Read a CSV with the columns path, azimuth and perhaps elevation, in degrees.

        Raises:
            MirageError: it is missing, no such CSV, empty, or a row is no path and finite number.
        """
        rows = [
            (_path(row, where), *_degrees(row, where))
            for where, row in read_listing(table, ("path", "azimuth", "elevation"), needed=2)
        ]
        if not rows:
            raise MirageError("the CSV tells of no photo", where=str(table))
        paths, azimuth, elevation = zip(*rows, strict=True)
        if len(set(paths)) < len(paths):
            twice = next(path for path in paths if paths.count(path) > 1)
            raise MirageError(f"{twice!r} is there more than once", where=str(table))
        return cls(list(paths), np.asarray(azimuth) % 360.0, np.asarray(elevation, float))


def _path(row: dict[str, str], where: str) -> str:
    if not row["path"]:
        raise MirageError("a row without a path", where=where)
    return row["path"]


def _degrees(row: dict[str, str], where: str) -> tuple[float, float]:
    """Azimuth and elevation; the latter NaN where it is not told."""
    found = []
    for name in ("azimuth", "elevation"):
        if not row[name] and name == "elevation":
            found.append(math.nan)
            continue
        try:
            value = read_number(row[name])
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise MirageError(
                f"{name} {row[name]!r} is not a number",
                where=where,
                todo="give degrees, such as 35.3",
            )
        found.append(value)
    return found[0], found[1]


def measure_truth(table: Path, folder: RunFolder, seed: int) -> tuple[dict[str, Any], Image.Image]:
    """The run's labels against a table's azimuths: all figures, and the plot of found against true.

    Args:
        seed: of the bootstrap over photos, and of the photos on the plot.

    Raises:
        MirageError: the table cannot be read, or names fewer than two of the run's photos.
    """
    known = KnownAzimuths.read(table)
    images, labels = open_images(folder["images"]), read_labels(folder["poses"] / LABELS_FILE)
    ids, rows = _join(known, images.path[:].tolist(), table)
    labels = labels.take(ids)
    truth = AzimuthTruth.compare(labels.azimuth, known.azimuth[rows])
    held_out = np.isin(ids, images.ids(HELDOUT))
    sure = labels.confidence >= _SURE
    figures: dict[str, Any] = {
        "photos": len(ids),
        "unnamed": len(images) - len(ids),
        "alignment": {"offset": truth.alignment.offset, "direction": truth.alignment.direction},
        "error": _figures(truth.error, seed),
        "retimed": _figures(truth.retimed_error, seed),
        "timing": timing_figures(truth),
        "sure": {
            "share": float(sure.mean()),
            "beyond_90": float((truth.error[sure] > 90.0).mean()) if sure.any() else None,
        },
        "reliability": metrics.reliability(labels.confidence, truth.error, _CLOSE),
    }
    if held_out.sum() > 1:
        figures["held_out"] = _figures(truth.error[held_out], seed)
    elevation = known.elevation[rows]
    if np.isfinite(elevation).all():
        figures["by_elevation"] = _by_elevation(elevation, truth.error)
    some = np.random.default_rng(seed).permutation(len(ids))[:_DRAWN]
    plot = found_against_true(truth.found[some], truth.true[some], labels.confidence[some])
    return figures, plot


def _join(known: KnownAzimuths, paths: list[str], table: Path) -> tuple[IntArray, IntArray]:
    """Ids of the photos that the table names, and the rows that it names them in."""
    row_of = {same_spelling(path): row for row, path in enumerate(known.path)}
    spelled = map(same_spelling, paths)
    pairs = [(i, row_of[path]) for i, path in enumerate(spelled) if path in row_of]
    if len(pairs) < 2:
        raise MirageError(
            f"it names {len(pairs)} of the run's {len(paths)} photos",
            where=str(table),
            todo=f"name them as the run's manifest does, such as {paths[0]!r}",
        )
    ids, rows = np.array(pairs).T
    return ids, rows


def _figures(error: FloatArray, seed: int) -> dict[str, Any]:
    return error_figures(error) | {"intervals": error_intervals(error, seed)}


def _by_elevation(elevation: FloatArray, error: FloatArray) -> list[dict[str, float]]:
    """The error in thirds of the photos, from the lowest camera to the highest."""
    return [
        {
            "from": float(elevation[rows].min()),
            "to": float(elevation[rows].max()),
            "photos": len(rows),
            **error_figures(error[rows]),
        }
        for rows in np.array_split(np.argsort(elevation, kind="stable"), 3)
        if len(rows)
    ]
