"""All that a run has left, as a page."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mirage.callbacks.history import read_history
from mirage.config import Config
from mirage.config.load import config_text, config_words
from mirage.core.angles import circular_distance
from mirage.core.errors import MirageError
from mirage.diagnostics.gallery import GALLERY, Gallery
from mirage.diagnostics.pose_panels import pose_panels
from mirage.drawing.canvas import enlarge
from mirage.drawing.panel import Panel
from mirage.drawing.plots.curves import training_curve
from mirage.drawing.ring import FULL_CIRCLE, arc_of
from mirage.evaluation.figures import AZIMUTHS, FIGURES, TURNED, reliability_of, tables_of
from mirage.evaluation.kept_cases import FACTS, KeptCase
from mirage.generation.kept_object import FACTS as SHAPE_FACTS
from mirage.generation.kept_object import KeptObject, read_film
from mirage.generation.kept_views import read_orbit
from mirage.metrics.registry import AZIMUTH_ERROR, METRICS
from mirage.report.browsers import PartBrowser, PoseBrowser
from mirage.report.orbit_view import OrbitView
from mirage.report.page import Listing, ReportPage
from mirage.report.solid_view import SolidView
from mirage.runs.folder import VIEWS_FILE, RunFolder, open_picture, read_json

_DRAGGED = 12  # objects that the page holds whole: each takes some 400 KB
_CHECKPOINTS = 6  # of a training, evenly chosen, turned side by side


def page_of_run(config: Config, folder: RunFolder) -> ReportPage:
    """The page of one run.

    Raises:
        MirageError: it has no poses yet, or a file of it is damaged.
    """
    folder.key("poses")
    summary = read_json(folder["poses"] / "summary.json")
    figures = read_figures(folder)
    gallery = _gallery(folder["poses"] / GALLERY)
    return ReportPage(
        title=f"MIRAGE · {folder.root.name}",
        summary=_summary(summary),
        orbits=_orbits(folder),
        compared=_compared(folder["evaluate"] / TURNED),
        solids=_solids(folder),
        tables=[] if figures is None else tables_of(figures),
        plots=[*_azimuths(folder), *_plots(folder["evaluate"] / "ablations")],
        rings=[] if gallery is None else [_ring(gallery, summary, config)],
        parts=[] if gallery is None else [_parts(gallery)],
        poses=pose_panels(
            folder["poses"],
            () if figures is None else reliability_of(figures),
            browsed=gallery is not None,
        ),
        training=_curves(folder),
        checkpoints=[view for stage in ("train", "refine") for view in _turning(folder[stage])],
        listings=_listings(config),
    )


def read_figures(folder: RunFolder) -> dict[str, Any] | None:
    """What `evaluate` measured, if it has."""
    try:
        found: dict[str, Any] = read_json(folder["evaluate"] / FIGURES)
    except MirageError:
        return None
    return found


def _gallery(path: Path) -> Gallery | None:
    return Gallery.load(path) if path.exists() else None


def _ring(gallery: Gallery, summary: dict[str, Any], config: Config) -> PoseBrowser:
    photos = [gallery.photos[gallery.pose == pose] for pose in range(summary["num_poses"])]
    return PoseBrowser(
        np.asarray(summary["azimuth"]),
        np.asarray(summary["counts"]),
        gallery.surest,
        photos,
        summary.get("parents") or (),
        command=f"mirage poses {shlex.quote(f'run={config.run}')}",
    )


def _parts(gallery: Gallery) -> PartBrowser:
    names = [f"part {part}" for part in gallery.parts]
    return PartBrowser(gallery.seen, gallery.part_maps, gallery.masks, names)


def _summary(summary: dict[str, Any]) -> str:
    _, covered = arc_of(tuple(summary.get("span", FULL_CIRCLE)))
    if not summary["circle_found"]:
        found = "no full circle, but"
    elif covered < 360:
        found = f"an arc of {covered:.0f}° with"
    else:
        found = "a circle of"
    text = (
        f"{summary['num_images']} unposed photos; {found} {summary['num_poses']} poses found in "
        f"them, ring score {summary['ring_score']:.2f}, mean confidence "
        f"{summary['mean_confidence']:.2f}"
    )
    if "outliers" in summary:
        text += f"; {summary['outliers']} outliers"
    return text + "."


def _orbits(folder: RunFolder) -> list[OrbitView]:
    views = []
    for facts_path in sorted(folder["views"].glob(f"*/{VIEWS_FILE}")):
        facts = read_json(facts_path)
        away = [circular_distance(v["azimuth_asked"], v["azimuth_found"]) for v in facts["views"]]
        scores = {
            AZIMUTH_ERROR.title: float(np.mean(away)),
            "confidence in the photo’s pose": float(facts["reference_confidence"]),
        }
        name = "/".join(Path(facts["reference"]).parts[-2:])  # file names alone often repeat
        orbit = read_orbit(facts_path.parent)
        views.append(OrbitView.of_orbit(name, orbit, facts["mode"], scores))
    return views


def _compared(kept: Path) -> list[OrbitView]:
    """What `evaluate` kept of objects that it turned in every mode."""
    views = []
    for facts in sorted(kept.glob(f"*/{FACTS}")):
        turned = KeptCase.load(facts.parent)
        scores = {
            mode: {METRICS[name].title: value for name, value in of.items()}
            for mode, of in turned.scores.items()
        }
        views.append(
            OrbitView(
                turned.name,
                turned.azimuth,
                turned.rows,
                turned.pose,
                turned.photo,
                turned.photo_pose,
                scores,
            )
        )
    return views


def _solids(folder: RunFolder) -> list[SolidView]:
    """Objects made of views that are still there."""
    solids: list[SolidView] = []
    for facts_path in sorted(folder["shape"].glob(f"*/{SHAPE_FACTS}")):
        views = folder["views"] / facts_path.parent.name
        if not (views / VIEWS_FILE).exists():
            continue
        orbit, kept = read_orbit(views), KeptObject.load(facts_path.parent)
        facts, made_of = kept.facts, read_json(views / VIEWS_FILE)
        if facts.get("views_key") != made_of["key"]:
            continue  # the photo was turned anew since
        side = kept.film.shape[1]
        frames = np.stack([np.asarray(enlarge(f, side).resize((side, side))) for f in orbit.frames])
        name = "/".join(Path(made_of["reference"]).parts[-2:])
        turned = OrbitView(
            name,
            orbit.azimuth,
            {"views": frames, "object": kept.film},
            orbit.pose,
            orbit.reference,
            orbit.reference_pose,
        )
        told = {
            "camera over the horizon, °": round(facts["elevation"], 1),
            "faces": facts["mesh"]["faces"],
            "watertight": "yes" if facts["mesh"]["watertight"] else "no",
        }
        solids.append(
            SolidView(
                turned,
                facts["verdict"],
                kept.surface if len(solids) < _DRAGGED else None,
                float(facts["direction"] * orbit.azimuth[0]),
                facts["elevation"],
                told,
            )
        )
    return solids


def _curves(folder: RunFolder) -> list[Panel]:
    curve = _curve(folder["train"] / "metrics.csv")
    if curve is None:
        return []
    caption = "The loss over training; faint as logged, dark smoothed."
    return [Panel("Loss", curve, "The training loss against optimizer steps", caption, True)]


def _curve(path: Path) -> Image.Image | None:
    rows = read_history(path)
    train = [(float(r["step"]), float(r["train_loss"])) for r in rows if r["train_loss"]]
    held = [(float(r["step"]), float(r["val_loss"])) for r in rows if r["val_loss"]]
    if not train:
        return None
    steps, losses = zip(*train, strict=True)
    validation = tuple(zip(*held, strict=True)) if held else None
    return training_curve(steps, losses, validation)  # type: ignore[arg-type]


def _turning(stage: Path) -> list[OrbitView]:
    """What the checkpoints of a training drew, the last one first; of as many views as that has."""
    films = sorted((stage / "orbits").glob("step_*.gif"), reverse=True)
    chosen = np.unique(np.linspace(0, len(films) - 1, _CHECKPOINTS).round().astype(int))
    modes: dict[str, Any] = {}
    for film in [films[i] for i in chosen] if films else []:
        frames = read_film(film)
        if not modes or frames.shape == next(iter(modes.values())).shape:
            modes[f"step {int(film.stem.removeprefix('step_')):,}"] = frames
    if not modes:
        return []
    count = len(next(iter(modes.values())))
    return [OrbitView(stage.name, 360.0 / count * np.arange(count), modes)]


def _azimuths(folder: RunFolder) -> list[Panel]:
    """Found azimuths against true ones, where `evaluate` had a table of them."""
    path = folder["evaluate"] / AZIMUTHS
    if not path.exists():
        return []
    return [
        Panel(
            "Found and true azimuths",
            open_picture(path),
            "The found azimuth of photos against their true one, and how far off it is",
            "Each dot is a photo, fainter where it is unsure. A line that bends is a circle that "
            "is timed wrong; a second line, 180° off, is ends taken for one another.",
            whole=True,
        )
    ]


def _plots(ablations: Path) -> list[Panel]:
    return [
        Panel(
            f"Ablation: {path.stem}",
            open_picture(path),
            f"The figures of the rows of the ablation {path.stem}",
            f"Settings of the sampler on one trained model; the figures are in {path.stem}.md "
            "beside the plot.",
            whole=True,
        )
        for path in sorted(ablations.glob("*.png"))
    ]


def _listings(config: Config) -> list[Listing]:
    run = shlex.quote(f"run={config.run}")
    settings = [shlex.quote(word) for word in config_words(config) if not word.startswith("run=")]
    commands = [
        " \\\n    ".join(["mirage run", run, *settings]),
        f"mirage views {run} views.reference=PHOTO  # turn another photo",
        f"mirage evaluate {run}",
        f"mirage report {run}  # this page",
    ]
    return [
        Listing("Commands", "\n".join(commands)),
        Listing("All settings", config_text(config), folded=True),
    ]
