"""The page a person opens: one HTML file with its style, script and pictures inside."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import islice
from pathlib import Path

import jinja2

from mirage.core.files import replacing
from mirage.drawing.panel import Panel
from mirage.drawing.sprites import data_uri, frame_height
from mirage.drawing.tables import Cell, Table, format_cell
from mirage.report.browsers import PartBrowser, PoseBrowser
from mirage.report.orbit_view import OrbitView, orbit_context
from mirage.report.solid_view import SolidView, solid_contexts

_SCRIPTS = ("turn.js", "filter.js", "browse.js", "solid.js")


@dataclass(frozen=True)
class Listing:
    """Text in type of one width: what it is, and lines to copy or to read.

    Attributes:
        folded: opened by a click.
    """

    title: str
    text: str
    folded: bool = False


@dataclass(frozen=True)
class ReportPage:
    """All that the page shows; what is empty is left out.

    Attributes:
        title, summary: the heading and one line below it.
        facts: (name, value) of a few figures to see first.
        orbits: one turntable a reference; the first turns in the heading.
        compared: objects turned in every mode, one turntable each.
        solids: objects made of views, turned beside them and to be dragged.
        tables, plots: figures.
        rings, parts: poses and parts to look through.
        poses: pictures of the poses found, in the order in which to read them.
        training: training curves.
        checkpoints: what the model could do during training, one turntable a training.
        listings: commands and configuration.
    """

    title: str
    summary: str = ""
    facts: Sequence[tuple[str, Cell]] = ()
    orbits: Sequence[OrbitView] = ()
    compared: Sequence[OrbitView] = ()
    solids: Sequence[SolidView] = ()
    tables: Sequence[Table] = ()
    plots: Sequence[Panel] = ()
    rings: Sequence[PoseBrowser] = ()
    parts: Sequence[PartBrowser] = ()
    poses: Sequence[Panel] = ()
    training: Sequence[Panel] = ()
    checkpoints: Sequence[OrbitView] = ()
    listings: Sequence[Listing] = ()


def write_page(path: Path, page: ReportPage) -> None:
    """Write `page` as one HTML file that needs no network, through a temporary name."""
    script = "\n".join(_asset(name) for name in _SCRIPTS)
    groups = {
        "orbits": page.orbits,
        "compared": page.compared,
        "solids": [solid.turned for solid in page.solids],
        "checkpoints": page.checkpoints,
    }
    views = [view for group in groups.values() for view in group]
    height = frame_height(sum(len(view.azimuth) * len(view.modes) for view in views))
    turned = [orbit_context(index, view, height) for index, view in enumerate(views)]
    left = iter(turned)
    of = {name: list(islice(left, len(group))) for name, group in groups.items()}
    html = (
        _environment()
        .get_template("page.html")
        .render(
            page=page,
            turned=turned,
            **(of | {"solids": solid_contexts(page.solids, of["solids"])}),
            shrunk=_shrunk(views, height),
            photo_poses=sorted({v.photo_pose for v in page.orbits if v.photo_pose is not None}),
            scores=list(dict.fromkeys(name for v in page.orbits for name in v.first_scores)),
            rings=[ring.context() for ring in page.rings],
            parts=[parts.context() for parts in page.parts],
            style=_asset("page.css"),
            script=script,
            script_hash=_hash(f"\n{script}\n"),
        )
    )
    with replacing(path) as temporary:
        temporary.write_text(html, encoding="utf-8")


def _shrunk(views: Sequence[OrbitView], height: int) -> str:
    """What the page says where it keeps frames smaller than they are; nothing where it does not."""
    largest = max((view.height for view in views), default=0)
    if largest <= height:
        return ""
    return (
        f"To keep the page small, frames of {largest} px are kept at {height} px here; the run's "
        "folder has them whole."
    )


def _asset(name: str) -> str:
    return resources.files("mirage.report").joinpath("web", name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    """What the page's policy knows its own script by, so that no other one runs."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_asset),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(figure=format_cell, picture=data_uri)
    return environment
