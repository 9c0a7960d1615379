"""reconstruct: an orbit of views → the object, as a mesh that other programs open."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np

from mirage.commands.stages import views as views_command
from mirage.config import Config, ViewsConfig
from mirage.core.contracts import FloatArray
from mirage.core.errors import MirageError
from mirage.core.progress import show_progress
from mirage.distributed.device import device
from mirage.distributed.ranks import join_ranks
from mirage.generation.kept_object import FACTS, save_object
from mirage.generation.kept_views import read_orbit
from mirage.generation.object_views import object_views, settings_of
from mirage.generation.references import find_references
from mirage.generation.view_generator import ViewGenerator
from mirage.generation.weights import Weights, find_weights
from mirage.runs.folder import VIEWS_FILE, RunFolder, hash_of, read_json
from mirage.runs.request import Request
from mirage.shape.reconstruct import reconstruct

log = logging.getLogger(__name__)


def run(request: Request) -> str:
    """Reconstruct each object that has views from all round; returns the closing line.

    A photo named by `views.reference` is turned first, and held-out photos where no object has
    such views.

    Raises:
        MirageError: an object could not be made; the others are.
    """
    config, folder = request.config, request.folder
    weights, ranks = find_weights(config, folder), join_ranks()
    named = config.views.reference != ViewsConfig.reference
    # One looks, lest another find what the first is turning.
    orbits = ranks.gather(_orbits(config, folder) if ranks.is_first and not named else [])[0]
    unfit: list[MirageError] = []
    if not orbits:
        unfit = _turn(config, folder, weights, named)
        orbits = _orbits(config, folder)
    mine = orbits[ranks.rank :: ranks.world]
    generator: ViewGenerator | None = None
    new, wrong = 0, {}
    for source in show_progress(mine, "objects", len(mine)):
        target = folder["shape"] / source.name
        views_key = read_json(source / VIEWS_FILE)["key"]
        key = hash_of(config.shape, views_key)
        if _is_made(target, key):
            continue
        generator = generator or ViewGenerator.open(weights.folder)
        try:
            orbit = read_orbit(source)
            seen = object_views(orbit, _azimuths_found(source), generator)
            made = reconstruct(seen, settings_of(config.shape), device())
            origin = {"key": key, "views_of": source.name, "views_key": views_key}
            save_object(made, orbit.azimuth, target, origin)
            new += 1
        except MirageError as error:
            wrong[source.name] = error.what
    refused = {name: why for of_rank in ranks.gather(wrong) for name, why in of_rank.items()}
    targets = [folder["shape"] / s.name for s in orbits if s.name not in refused]
    if any(ranks.gather(new > 0)) and weights.own and ranks.is_first:
        from mirage.tracking.record import record_objects  # takes seconds

        record_objects(config, folder, targets)
    if refused or unfit:
        not_made = [f"{name}: {why}" for name, why in refused.items()]
        not_made += [f"{error.what}\n  see: {error.where}" for error in unfit]
        listed = "".join(f"\n- {each}" for each in not_made)
        raise MirageError(
            f"{len(targets)} objects are made, {len(not_made)} are not:{listed}",
            where=str(folder["views"]),
            todo="look at their views: they should show one object from all round",
        )
    verdicts = [read_json(target / FACTS)["verdict"] for target in targets]
    said = verdicts[0] if len(verdicts) == 1 else f"{sum(v[:4] == 'good' for v in verdicts)} good"
    return f"reconstruct: {len(verdicts)} objects, {said} → {folder['shape']}"


def _turn(config: Config, folder: RunFolder, weights: Weights, named: bool) -> list[MirageError]:
    """Turn the photos that are named, or held-out ones, all round, with as many views as it takes.

    Those of held-out photos get folders beside the ones that `mirage views` gives them.

    Returns:
        Why photos that are named were refused, while others are turned.

    Raises:
        MirageError: all of them were.
    """
    count = max(config.views.count, config.shape.views)
    config = replace(config, views=replace(config.views, count=count, azimuths=None))
    config = views_command.advised(config, weights)
    generator = ViewGenerator.open(weights.folder)
    references, refused = find_references(config, folder, generator, weights.own)
    if refused and not references:
        raise views_command.refusal(refused, 0, folder["views"])
    if not named:
        references = [replace(each, name=f"{each.name}-{count}") for each in references]
    log.info(f"turning {len(references)} photos, {count} views each")
    views_command.turn_references(config, folder, generator, weights, references)
    return refused


def _orbits(config: Config, folder: RunFolder) -> list[Path]:
    """The folders of views to make objects of; none where none has enough."""
    made = sorted(path.parent for path in folder["views"].glob(f"*/{VIEWS_FILE}"))
    if config.views.reference != ViewsConfig.reference:
        named = Path(config.views.reference).resolve()
        made = [m for m in made if _is_of(read_json(m / VIEWS_FILE)["reference"], named)]
    return [m for m in made if len(read_json(m / VIEWS_FILE)["views"]) >= config.shape.views]


def _is_of(reference: str, named: Path) -> bool:
    path = Path(reference).resolve()
    return path == named or named in path.parents


def _azimuths_found(source: Path) -> FloatArray:
    views = read_json(source / VIEWS_FILE)["views"]
    return np.asarray([view["azimuth_found"] for view in views])


def _is_made(target: Path, key: str) -> bool:
    try:
        return bool(read_json(target / FACTS)["key"] == key)
    except (MirageError, KeyError):
        return False
