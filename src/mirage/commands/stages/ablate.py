"""ablate: what each setting of the sampler does, on one trained model.

Every row of an ablation changes some of `views.*`, and is measured on the same fresh objects, from
the same noise, as all others; so differences are taken object by object. The objects are not those
that `evaluate` reports on: a setting may be chosen by what is seen here. Of held-out photos, which
are not without end, others are drawn, but some may be among those of `evaluate` too.
"""

from __future__ import annotations

from dataclasses import replace
from math import nan
from typing import Any

from mirage.config import Config
from mirage.config.changes import changed
from mirage.core.angles import RingAlignment
from mirage.core.errors import MirageError
from mirage.distributed.ranks import join_ranks
from mirage.drawing.plots.sweeps import Series, draw_panels
from mirage.drawing.tables import print_tables, to_markdown
from mirage.evaluation.figures import FIGURES
from mirage.evaluation.view_cases import on_held_out, view_cases
from mirage.evaluation.view_figures import RunPhotos, measure_views
from mirage.evaluation.view_tables import view_tables
from mirage.generation.view_generator import ViewGenerator
from mirage.metrics.registry import METRICS
from mirage.runs.folder import RunFolder, hash_of, read_json, replacing, save_picture, write_json
from mirage.runs.request import Request
from mirage.sampler.targets import pose_azimuths

FOLDER = "ablations"  # in evaluate/

_VERSION = 2  # raised when what is measured changes


def run(request: Request) -> str:
    """Measure the rows unless they are measured; prints the tables and returns the closing line.

    Raises:
        MirageError: no ablation is named, or the run has not been evaluated.
    """
    config, folder = request.config, request.folder
    ablation = config.ablation
    if not ablation.rows:
        raise MirageError(
            "no ablation is named",
            where="command line",
            todo="name a file of experiments/ablation/, as in ablation=steps",
        )
    folder.key("evaluate")
    rows = {name: with_row(config, name, changes) for name, changes in ablation.rows.items()}
    key = hash_of("ablate", _VERSION, folder.key("model"), on_held_out(config.views), ablation)
    target = folder["evaluate"] / FOLDER / f"{ablation.name}.json"
    figures = read_json(target) if target.exists() else {}
    ranks = join_ranks()
    ranks.wait()  # all have looked before one writes
    known = figures.get("key") == key
    if not known:
        figures = _measure(config, folder, rows) | {"key": key}
    line = f"ablate: {len(rows)} rows → {target.with_suffix('.md')}"
    if not ranks.is_first:
        return line
    target.parent.mkdir(exist_ok=True)
    if not known:
        write_json(target, figures)
    tables = view_tables(figures)
    print_tables(tables)
    command = f"`mirage ablate ablation={ablation.name} run={config.run}`"
    with replacing(target.with_suffix(".md")) as temporary:
        text = "\n".join([f"{command}\n", *map(to_markdown, tables)])
        temporary.write_text(text, encoding="utf-8")
    save_picture(target.with_suffix(".png"), _draw(figures, ablation.figures))
    return line


def with_row(config: Config, name: str, changes: dict[str, Any]) -> Config:
    """The configuration of one row.

    Raises:
        MirageError: it changes what is no setting of views, or to what cannot be.
    """
    return replace(config, views=changed(config.views, changes, f"ablation.rows, {name!r}: views"))


def _measure(config: Config, folder: RunFolder, rows: dict[str, Config]) -> dict[str, Any]:
    ablation = config.ablation
    known = read_json(folder["evaluate"] / FIGURES)["poses"].get("alignment")
    chosen = replace(
        config.evaluate, seed=ablation.seed, objects=ablation.objects, views=ablation.views
    )
    generator = ViewGenerator.open(folder["model"])
    azimuths = pose_azimuths(generator.bank.ring, ablation.views)
    alignment = None if known is None else RingAlignment(**known)
    drawn_views = replace(
        config.views,
        seed=ablation.seed,
        references=ablation.objects,
        photos=max(row.views.photos for row in rows.values()),
    )
    drawn = replace(config, evaluate=chosen, views=drawn_views)
    cases = view_cases(drawn, folder, generator, azimuths, alignment)
    first, *others = rows
    pairs = [(first, other) for other in others]
    photos = RunPhotos.open(config, folder)
    return measure_views(rows, pairs, photos, generator, cases, azimuths, ablation.seed)


def _draw(figures: dict[str, Any], names: list[str]) -> Any:
    """A panel a figure: a dot a row, with a bar as long as its interval."""
    panels = {}
    for metric in map(METRICS.__getitem__, names):
        rows = [row for row in figures["views"] if metric.name in row]
        ends = [row["intervals"].get(metric.name, {"low": nan, "high": nan}) for row in rows]
        if rows:
            values = [metric.factor * row[metric.name] for row in rows]
            spread = [metric.factor * (end["high"] - end["low"]) / 2 for end in ends]
            panels[metric.heading] = [Series("", [row["mode"] for row in rows], values, spread)]
    return draw_panels("", panels)
