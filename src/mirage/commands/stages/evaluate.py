"""evaluate: how good the poses and the views are, against the truth where it is known.

The truth is a turntable's: fresh objects that no stage of the run has seen, rendered here. Photos
have none, unless a table tells their azimuths (`evaluate.truth`), against which the run's own
labels are measured; the held-out ones are turned, and what needs the truth is left out.
"""

from __future__ import annotations

import shutil
from dataclasses import asdict
from itertools import combinations
from pathlib import Path
from typing import Any

from mirage.config import Config
from mirage.core.errors import MirageError
from mirage.core.files import hash_file, replacing
from mirage.diagnostics.pose_panels import draw_reliability
from mirage.distributed.ranks import Ranks, join_ranks
from mirage.drawing.tables import print_tables, to_markdown
from mirage.evaluation.figures import (
    AZIMUTHS,
    FIGURES,
    RELIABILITY,
    TABLES,
    TURNED,
    reliability_of,
    tables_of,
)
from mirage.evaluation.known_azimuths import measure_truth
from mirage.evaluation.pose_figures import measure_poses
from mirage.evaluation.smoothness import measure_smoothness
from mirage.evaluation.view_cases import on_held_out, view_cases
from mirage.evaluation.view_figures import COPY, NEAREST, RunPhotos, measure_views
from mirage.generation.sampling import with_mode
from mirage.generation.view_generator import ViewGenerator
from mirage.runs.folder import SUMMARY_FILE, RunFolder, hash_of, read_json, save_picture, write_json
from mirage.runs.request import Request
from mirage.sampler.targets import pose_azimuths
from mirage.tracking.record import record_evaluation

_VERSION = 5  # raised when what is measured changes, so that a run is measured anew


def run(request: Request) -> str:
    """Measure unless it is measured; prints the tables and returns the closing line.

    Poses are measured as soon as there are poses, views where a model is trained too.
    """
    config, folder = request.config, request.folder
    has_model = folder.is_done("model")
    key = hash_of(
        "evaluate",
        _VERSION,
        folder.key("model") if has_model else folder.key("poses"),
        on_held_out(config.views),
        config.evaluate.seed,
        config.evaluate.objects,
        config.evaluate.photos,
        config.evaluate.baselines,
        config.evaluate.views,
        config.evaluate.modes,
        config.evaluate.turn,
        config.evaluate.second_reader,
        _truth_key(config),
    )
    path = folder["evaluate"] / FIGURES
    ranks = join_ranks()

    def measure() -> None:
        if ranks.is_first:
            shutil.rmtree(folder["evaluate"] / TURNED, ignore_errors=True)
            (folder["evaluate"] / AZIMUTHS).unlink(missing_ok=True)
        ranks.wait()
        figures = _measure(config, folder, has_model, ranks)
        if ranks.is_first:
            write_json(path, figures)
            with replacing(folder["evaluate"] / TABLES) as temporary:
                text = "\n".join(map(to_markdown, tables_of(figures)))
                temporary.write_text(text, encoding="utf-8")
            written = [path, folder["evaluate"] / TABLES]
            record_evaluation(config, folder, key, figures, written, _draw(folder, figures))

    folder.make("evaluate", key, ranks, measure)
    figures = read_json(path)
    if ranks.is_first:
        if config.evaluate.json is not None:
            write_json(Path(config.evaluate.json), figures)
        print_tables(tables_of(figures))
    without = "" if has_model else " (no views: train a model first)"
    return f"evaluate: poses, {len(figures['views'])} rows of views{without} → {path}"


def _truth_key(config: Config) -> str | None:
    """The content of the table of true azimuths, where there is one."""
    if config.evaluate.truth is None:
        return None
    try:
        return hash_file(Path(config.evaluate.truth))
    except OSError as error:
        raise MirageError(
            f"{config.evaluate.truth} cannot be read: {error.strerror}",
            where="configuration key evaluate.truth",
            todo="check the path, or leave it out with evaluate.truth=null",
        ) from error


def _draw(folder: RunFolder, figures: dict[str, Any]) -> list[Path]:
    """The plots of the azimuths and of the reliability, where those were measured."""
    drawn = [path for path in [folder["evaluate"] / AZIMUTHS] if path.exists()]
    reliability = reliability_of(figures)
    if reliability:
        save_picture(folder["evaluate"] / RELIABILITY, draw_reliability(reliability))
        drawn.append(folder["evaluate"] / RELIABILITY)
    return drawn


def _measure(config: Config, folder: RunFolder, has_model: bool, ranks: Ranks) -> dict[str, Any]:
    poses, alignment = measure_poses(config, folder)
    poses = read_json(folder["poses"] / SUMMARY_FILE) | poses
    if config.evaluate.truth is not None:
        table = Path(config.evaluate.truth)
        poses["truth"], plot = measure_truth(table, folder, config.evaluate.seed)
        if ranks.is_first:
            save_picture(folder["evaluate"] / AZIMUTHS, plot)
    if not has_model:
        return {"poses": poses, "views": []}
    if alignment is not None:
        poses["alignment"] = asdict(alignment)
    generator = ViewGenerator.open(folder["model"])
    azimuths = pose_azimuths(generator.bank.ring, config.evaluate.views)
    cases = view_cases(config, folder, generator, azimuths, alignment)
    rows = {mode: with_mode(config, mode) for mode in config.evaluate.modes}
    pairs = list(combinations(rows, 2)) + [(b, mode) for b in (COPY, NEAREST) for mode in rows]
    seed = config.evaluate.seed
    keep = folder["evaluate"] / TURNED
    photos = RunPhotos.open(config, folder)
    figures = measure_views(rows, pairs, photos, generator, cases, azimuths, seed, keep)
    if config.evaluate.turn:
        figures["turn"] = measure_smoothness(config, generator, cases, seed, join_ranks())
    return {"poses": poses} | figures
