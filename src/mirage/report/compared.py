"""The pages of several runs as one, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from mirage.drawing.panel import Panel
from mirage.drawing.tables import Cell, Table
from mirage.report.orbit_view import OrbitView
from mirage.report.page import Listing, ReportPage


def compare_pages(
    pages: Mapping[str, ReportPage], settings: Table, directions: Mapping[str, int] | None = None
) -> ReportPage:
    """Run → its page, as one page: what has the same name stands together.

    Args:
        settings: those in which the runs differ.
        directions: of each run's ring, +1 or −1; all alike where nothing is known of them.
    """
    each = pages.items()
    return ReportPage(
        title=" · ".join(pages),
        summary="\n".join([f"{len(pages)} runs side by side.", *_summaries(pages)]),
        orbits=_side_by_side(pages, directions or {}),
        tables=[settings, *_joined(pages)],
        plots=_titled({run: page.plots for run, page in each}),
        rings=[replace(ring, title=run) for run, page in each for ring in page.rings],
        parts=[replace(parts, title=run) for run, page in each for parts in page.parts],
        poses=_titled({run: page.poses for run, page in each}),
        training=_titled({run: page.training for run, page in each}),
        compared=_named({run: page.compared for run, page in each}),
        solids=[
            replace(solid, turned=replace(solid.turned, name=f"{run} · {solid.turned.name}"))
            for run, page in each
            for solid in page.solids
        ],
        checkpoints=_named({run: page.checkpoints for run, page in each}),
        listings=[
            Listing(f"{run} · {listing.title}", listing.text, listing.folded)
            for run, page in each
            for listing in page.listings
        ],
    )


def _summaries(pages: Mapping[str, ReportPage]) -> list[str]:
    return [f"{run}: {page.summary}" for run, page in pages.items()]


def _named(views: Mapping[str, Sequence[OrbitView]]) -> list[OrbitView]:
    """Turntables of all runs, each named after its run too."""
    return [
        replace(view, name=f"{run} · {view.name}")
        for run, of_run in views.items()
        for view in of_run
    ]


def _titled(panels: Mapping[str, Sequence[Panel]]) -> list[Panel]:
    """Panels of one title one after the other, each named after its run."""
    titles = dict.fromkeys(panel.title for of_run in panels.values() for panel in of_run)
    return [
        replace(panel, title=f"{title} · {run}", alt=f"{panel.alt}, {run}")
        for title in titles
        for run, of_run in panels.items()
        for panel in of_run
        if panel.title == title
    ]


def _joined(pages: Mapping[str, ReportPage]) -> list[Table]:
    """Tables of one title as one, a row named after its run; columns that some lack stay empty."""
    tables: dict[str, dict[str, Table]] = {}
    for run, page in pages.items():
        for table in page.tables:
            tables.setdefault(table.title, {})[run] = table
    return [_stack(title, of_runs) for title, of_runs in tables.items()]


def _stack(title: str, tables: Mapping[str, Table]) -> Table:
    columns = list(dict.fromkeys(name for table in tables.values() for name in table.columns[1:]))
    named: dict[str, list[list[Cell]]] = {}
    for run, table in tables.items():
        for name, *cells in table.rows:
            known = dict(zip(table.columns[1:], cells, strict=True))
            row: list[Cell] = [f"{name} · {run}", *(known.get(column) for column in columns)]
            named.setdefault(str(name), []).append(row)
    first = next(iter(tables.values()))
    rows = [row for together in named.values() for row in together]
    return Table(title, (first.columns[0], *columns), rows, first.note)


def _side_by_side(
    pages: Mapping[str, ReportPage], directions: Mapping[str, int]
) -> list[OrbitView]:
    """One turntable for a photo that several runs turned, where they made as many, as large views.

    Rings differ in offset and direction, so azimuths are told from the first view on, and all turn
    the same way.
    """
    views: dict[tuple[object, ...], OrbitView] = {}
    for run, page in pages.items():
        for view in page.orbits:
            named = _of_run(run, view, directions.get(run, 1))
            shape = next(iter(view.modes.values())).shape
            key = (view.name, *shape, *named.azimuth.round(3).tolist())
            known = views.get(key)
            views[key] = (
                named
                if known is None
                else replace(
                    known,
                    modes={**known.modes, **named.modes},
                    scores={**known.scores, **named.scores},
                )
            )
    return sorted(views.values(), key=lambda view: -len(view.modes))


def _of_run(run: str, view: OrbitView, direction: int) -> OrbitView:
    turned = np.mod(direction * (view.azimuth - view.azimuth[0]), 360.0)
    order = np.arange(len(turned)) if direction == 1 else np.argsort(turned, kind="stable")
    return replace(
        view,
        azimuth=turned[order],
        pose=None,
        modes={f"{run} · {mode}": frames[order] for mode, frames in view.modes.items()},
        scores={f"{run} · {mode}": scores for mode, scores in view.scores.items()},
    )
