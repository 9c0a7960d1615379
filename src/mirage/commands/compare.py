"""compare: several runs → one HTML page of them side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mirage.config.load import load_config
from mirage.config.overrides import flat_values
from mirage.core.angles import align_rings
from mirage.core.errors import MirageError
from mirage.core.files import SAVED, path_of
from mirage.distributed.ranks import find_ranks
from mirage.drawing.tables import Table
from mirage.poses.labels import read_azimuths
from mirage.report.compared import compare_pages
from mirage.report.page import write_page
from mirage.report.run_page import page_of_run
from mirage.runs.folder import LABELS_FILE, RunFolder
from mirage.runs.request import Request

PAGE = "index.html"
_TARGET = "runs/compare"  # where the page goes
_TELLING, _COMMON = 20, 1000  # photos that two runs have in common: at least, and as many as help


def run(request: Request) -> str:
    """Write the page of the runs that are named; returns the closing line.

    Raises:
        MirageError: less than two runs, a folder that is none, or one without poses.
    """
    request.refuse(
        [word for word in request.overrides if not word.startswith("run=")],
        "`mirage compare RUN RUN… run=DIR`",
    )
    target = path_of(([_TARGET, *request.overrides])[-1].removeprefix("run="))
    roots = list({path_of(run).resolve(): path_of(run) for run in request.operands}.values())
    if len(roots) < 2:
        raise MirageError(
            f"{len(roots)} runs are nothing to compare",
            where="command line",
            todo="`mirage compare RUN RUN…`",
        )
    for root in roots:
        if not (root / SAVED).is_file():
            raise MirageError(
                "this is no run: it has no configuration",
                where=str(root / SAVED),
                todo="give the folders of runs, such as runs/demo",
            )
    configs = {name: load_config([f"run={root}"]) for name, root in _named(roots).items()}
    pages = {
        name: page_of_run(config, RunFolder(Path(config.run))) for name, config in configs.items()
    }
    differing = _differing({name: flat_values(config) for name, config in configs.items()})
    directions = _directions({name: RunFolder(Path(c.run)) for name, c in configs.items()})
    if find_ranks().is_first:
        write_page(target / PAGE, compare_pages(pages, differing, directions))
    return f"compare: {len(roots)} runs → {target / PAGE}"


def _named(roots: Sequence[Path]) -> dict[str, Path]:
    """Each run by the shortest end of its path that no other has."""
    whole = [root.resolve() for root in roots]
    longest = max(len(path.parts) for path in whole)
    for depth in range(1, longest + 1):
        names = ["/".join(path.parts[-depth:]) for path in whole]
        if len(set(names)) == len(names):
            break
    return dict(zip(names, roots, strict=True))


def _directions(folders: Mapping[str, RunFolder]) -> dict[str, int]:
    """Which way each run's ring turns: +1, or −1 where it turns against the first one's.

    By the photos that both have poses of; +1 where those are too few to tell.
    """
    azimuths = {
        run: read_azimuths(folder["poses"] / LABELS_FILE)
        for run, folder in folders.items()
        if (folder["poses"] / LABELS_FILE).exists()
    }
    first = next(iter(azimuths.values()), {})
    found = dict.fromkeys(folders, 1)
    for run, own in azimuths.items():
        common = sorted(first.keys() & own.keys())[:_COMMON]
        if len(common) >= _TELLING:
            aligned = align_rings([own[path] for path in common], [first[path] for path in common])
            found[run] = aligned.direction
    return found


def _differing(settings: dict[str, dict[str, str]]) -> Table:
    """The settings that the runs do not share."""
    keys = next(iter(settings.values()))
    rows = [[key, *(values[key] for values in settings.values())] for key in keys if key != "run"]
    return Table(
        "Settings that differ", ("", *settings), [row for row in rows if len(set(row[1:])) > 1]
    )
