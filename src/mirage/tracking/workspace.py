"""The workspace of W&B to review runs in, as code: `mirage workspace` puts it into a project."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import wandb

from mirage.core.errors import MirageError
from mirage.metrics.registry import MEDIAN, METRICS, VIEWS
from mirage.tracking.key import has_wandb_key
from mirage.tracking.logger import PROJECT
from mirage.tracking.names import LOGGED, STEP, named

_POSES = ("ring", "montage", "parts", "part_masks", "pairs", "sizes", "stability", "doubts")
_ROWS = ("none", "start", "soft", "hard", "copy_the_reference", "nearest_training_image")


def apply(words: Sequence[str]) -> str:
    """Save the workspace as a new view of a project; returns the closing line.

    Args:
        words: entity=NAME, project=NAME; by default the key's own entity, and what runs are
            logged to.

    Raises:
        MirageError: a word is not understood, wandb-workspaces is not installed, there is no key,
            or W&B refuses or cannot be reached.
    """
    asked = dict(word.partition("=")[::2] for word in words)
    if strange := set(asked) - {"entity", "project"}:
        raise MirageError(
            f"{min(strange)!r} is not understood",
            where="command line",
            todo="`mirage workspace [entity=NAME] [project=NAME]`",
        )
    _require_library()
    if not has_wandb_key():
        raise MirageError(
            "a workspace is kept on W&B's server, and there is no key for it",
            where="WANDB_API_KEY and ~/.netrc",
            todo="`wandb login`",
        )
    try:
        entity = asked.get("entity") or wandb.Api().default_entity
        workspace = build(str(entity), asked.get("project", PROJECT)).save()
    except (wandb.Error, OSError, ValueError, RuntimeError) as error:
        raise MirageError(
            f"W&B did not take the workspace: {error}",
            where=f"W&B project {asked.get('project', PROJECT)}",
            todo="see that it can be reached, and that the key may write to the project",
        ) from error
    return f"workspace: {workspace.url}"


def _require_library() -> None:
    try:
        import wandb_workspaces  # noqa: F401
    except ImportError as error:
        raise MirageError(
            "wandb-workspaces is not installed",
            where="this environment",
            todo="`pip install wandb-workspaces`",
        ) from error


def build(entity: str, project: str) -> Any:
    """The workspace; needs no network."""
    import wandb_workspaces.workspaces as ws

    return ws.Workspace(
        entity=entity,
        project=project,
        name="MIRAGE",
        sections=[
            ws.Section(name="Views", panels=_views(), is_open=True, pinned=True),
            ws.Section(name="Objects", panels=_objects(), is_open=True),
            ws.Section(name="Training", panels=_training(), is_open=True),
            ws.Section(name="Autoencoder", panels=_autoencoder(), is_open=True),
            ws.Section(name="Poses", panels=_poses(), is_open=True),
            ws.Section(name="Evaluation", panels=_evaluation(), is_open=True),
        ],
        settings=ws.WorkspaceSettings(x_axis=STEP),
        runset_settings=ws.RunsetSettings(
            pinned_columns=["run:group", "run:jobType", "config:uses_poses", "config:uses_model"]
        ),
    )


def _views() -> list[Any]:
    import wandb_workspaces.reports.v2 as wr

    wide = wr.Layout(w=24, h=10)
    return [
        wr.MediaBrowser(media_keys=[named("views/orbits")], num_columns=1, layout=wide),
        wr.MediaBrowser(media_keys=[named("views/turning")]),
        *(_line(_title(name), name) for name in _metrics("views")),
        wr.WeavePanelSummaryTable(table_name=named("views/review"), layout=wide),
    ]


def _objects() -> list[Any]:
    import wandb_workspaces.reports.v2 as wr

    return [
        wr.MediaBrowser(media_keys=[named("shape/objects")]),
        wr.MediaBrowser(media_keys=[named("shape/turning")]),
        *_bars("shape"),
    ]


def _training() -> list[Any]:
    return [
        _line("Loss", "train/loss", "val/loss"),
        _line("Learning rate", "train/learning_rate"),
        _line("Images a second", "train/images_per_second"),
    ]


def _autoencoder() -> list[Any]:
    import wandb_workspaces.reports.v2 as wr

    return [
        wr.MediaBrowser(media_keys=[named("autoencoder/reconstructions")]),
        *_bars("autoencoder"),
    ]


def _poses() -> list[Any]:
    import wandb_workspaces.reports.v2 as wr

    return [
        *(wr.MediaBrowser(media_keys=[named(f"poses/{name}")]) for name in _POSES),
        *_bars("poses"),
    ]


def _evaluation() -> list[Any]:
    import wandb_workspaces.reports.v2 as wr

    wide = wr.Layout(w=24, h=8)
    return [
        *(
            wr.WeavePanelSummaryTable(table_name=named(f"evaluate/{name}"), layout=wide)
            for name in ("table", "differences")
        ),
        *(
            wr.BarPlot(
                title=_title(metric.name),
                metrics=[named(f"evaluate/views/{row}/{metric.name}") for row in _ROWS],
            )
            for metric in VIEWS
            if metric.main
        ),
        wr.BarPlot(
            title=f"Azimuth error of photos, {MEDIAN.heading}",
            metrics=[named(f"evaluate/poses/image_azimuth_error/{MEDIAN.name}")],
        ),
        wr.MediaBrowser(media_keys=[named("evaluate/reliability")]),
        wr.RunComparer(diff_only="split", layout=wide),
    ]


def _metrics(place: str) -> list[str]:
    """The metrics that are logged there."""
    numbers = [item.name for item in LOGGED if item.kind == "number"]
    return [name for name in numbers if name.startswith(f"{place}/")]


def _title(name: str) -> str:
    """Of a metric by its name, logged or plain: what it is called, and which way is better."""
    heading = METRICS[name.split("/")[-1]].heading
    return heading[0].upper() + heading[1:]


def _bars(place: str) -> list[Any]:
    import wandb_workspaces.reports.v2 as wr

    return [wr.BarPlot(title=_title(name), metrics=[name]) for name in _metrics(place)]


def _line(title: str, *names: str) -> Any:
    import wandb_workspaces.reports.v2 as wr

    return wr.LinePlot(title=title, x=STEP, y=[named(name) for name in names])
