"""views: reference photos → the same object from all round, as pictures, films and JSON."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from mirage.config import Config
from mirage.core.errors import MirageError
from mirage.core.progress import counting
from mirage.distributed.ranks import join_ranks
from mirage.drawing.films import save_webp
from mirage.drawing.panels import contact_sheet, film_sheet
from mirage.generation.kept_views import SHEET, is_made, read_orbit, save_views
from mirage.generation.references import Reference, find_references
from mirage.generation.sampling import TOGETHER, generate_views
from mirage.generation.view_generator import ViewGenerator
from mirage.generation.weights import Weights, as_advised, find_weights
from mirage.runs.folder import RunFolder, hash_of, save_picture, write_json
from mirage.runs.request import Request

log = logging.getLogger(__name__)

TURNING = "turning.webp"


def run(request: Request) -> str:
    """Sample the orbits unless they are there; returns the closing line.

    Raises:
        MirageError: photos were refused; the others are turned before.
    """
    folder = request.folder
    weights, ranks = find_weights(request.config, folder), join_ranks()
    config = advised(request.config, weights)
    generator = ViewGenerator.open(weights.folder)
    references, refused = find_references(config, folder, generator, weights.own)
    turn_references(config, folder, generator, weights, references)
    if config.views.reference == "heldout" and ranks.is_first:
        write_json(folder["views"] / "heldout.json", [r.name for r in references])
        orbits = [read_orbit(folder["views"] / r.name) for r in references]
        save_picture(folder["views"] / SHEET, contact_sheet(orbits, config.views.num_views))
        save_webp(film_sheet(orbits), folder["views"] / TURNING)
    if refused:
        raise refusal(refused, len(references), folder["views"])
    where = folder["views"] if len(references) > 1 else folder["views"] / references[0].name
    return f"views: {len(references)} references, {config.views.num_views} views each → {where}"


def advised(config: Config, weights: Weights) -> Config:
    """The configuration, with what weights of another run are best turned with."""
    if weights.own:
        return config
    if join_ranks().is_first:
        log.info(f"no model is trained in this run, so {config.pretrained} turns")
    return as_advised(config, weights.folder)


def turn_references(
    config: Config,
    folder: RunFolder,
    generator: ViewGenerator,
    weights: Weights,
    references: Sequence[Reference],
) -> None:
    """Turn the references whose views are not there yet, into folders of their names.

    Processes turn a share each; all must call this, and all return when every one is turned.
    """
    ranks = join_ranks()
    mine = references[ranks.rank :: ranks.world]
    targets = {reference.name: folder["views"] / reference.name for reference in mine}
    keys = {reference.name: _key(weights.key, config, reference) for reference in mine}
    missing = [r for r in mine if not is_made(targets[r.name], keys[r.name])]
    with counting("views", len(mine), done=len(mine) - len(missing)) as count:
        for start in range(0, len(missing), TOGETHER):
            for made in generate_views(generator, missing[start : start + TOGETHER], config):
                name = made.reference.name
                with folder.held(f"views/{name}"):
                    save_views(made, config.views, targets[name], keys[name])
                count(1)
    some_made = any(ranks.gather(bool(missing)))
    if some_made and weights.own and ranks.is_first:
        from mirage.tracking.record import record_views  # takes seconds

        record_views(config, folder, [folder["views"] / r.name for r in references])


def _key(model_key: str, config: Config, reference: Reference) -> str:
    """A hash of all that the views of a reference depend on."""
    settings = asdict(config.views) | {"reference": None, "references": None}
    settings["sampler"]["chunk"] = None  # of memory alone
    seen = [(p.pose, p.azimuth, p.pixels.tobytes().hex()) for p in reference.photos]
    return hash_of(model_key, settings, seen)


def refusal(refused: Sequence[MirageError], num_turned: int, where: Path) -> MirageError:
    """What is said of photos that were not turned, beside those that were."""
    if len(refused) == 1 and not num_turned:
        return refused[0]
    listed = "".join(f"\n- {error.what}\n  see: {error.where}" for error in refused)
    return MirageError(
        f"{num_turned} photos are turned, {len(refused)} are not:{listed}",
        where=str(where),
        todo="look at the pictures named; for one photo, reference_pose=POSE insists",
    )
