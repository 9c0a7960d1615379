"""The page a person opens: one HTML file with its style, script and pictures inside."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

import jinja2
import numpy as np
from PIL import Image

from mirage.contracts import ByteArray, Orbit
from mirage.errors import MirageError
from mirage.report.canvas import enlarge
from mirage.report.tables import Cell, Table, format_cell

_FRAME_SIDE = 192  # frames on the page are enlarged to about this, pixels
_SPRITE_COLUMNS = 8  # frames a line of a sprite
_GUTTER = 2  # pixels of its own edge round each frame of a sprite
_WEBP_LIMIT = 16383  # longest side WebP can hold, pixels


@dataclass(frozen=True)
class OrbitView:
    """One reference on the page.

    Attributes:
        name: what the photo is called.
        orbit: the photo, the azimuths, and the frames that the page opens with.
        modes: mode → [V, H, W, 3] uint8, compared side by side; `orbit.frames` alone by default.
        scores: mode → figure → value, shown below that mode.
    """

    name: str
    orbit: Orbit
    modes: Mapping[str, ByteArray] = field(default_factory=dict)
    scores: Mapping[str, Mapping[str, Cell]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        where = f"report orbit {self.name!r}"
        if len(self.orbit.frames) == 0:
            raise MirageError("an orbit without views", where=where, todo="generate views first")
        for mode, frames in self.modes.items():
            if frames.shape != self.orbit.frames.shape:
                raise MirageError(
                    f"mode {mode!r} has frames {frames.shape}, others {self.orbit.frames.shape}",
                    where=where,
                    todo="generate every mode at the same azimuths and resolution",
                )
        unknown = sorted(set(self.scores) - set(self.shown))
        if unknown:
            raise MirageError(
                f"scores for {unknown}, which have no frames",
                where=where,
                todo=f"modes are {', '.join(self.shown)}",
            )

    @property
    def shown(self) -> dict[str, ByteArray]:
        """Mode → frames, never empty."""
        return dict(self.modes) or {"views": self.orbit.frames}

    @property
    def first_mode(self) -> str:
        """The mode whose frames are the orbit's own; the last where none is."""
        own = [m for m, frames in self.shown.items() if np.array_equal(frames, self.orbit.frames)]
        return own[-1] if own else list(self.shown)[-1]


@dataclass(frozen=True)
class Panel:
    """A picture with words.

    Attributes:
        alt: what it shows, for those who hear the page.
        caption: one sentence on what to look for.
        whole: drawn to the width of the screen; a grid of photos is not, but scrolls sideways.
    """

    title: str
    picture: Image.Image
    alt: str
    caption: str
    whole: bool = False


@dataclass(frozen=True)
class ReportPage:
    """All that the page shows; what is empty or None is left out.

    Attributes:
        title, summary: the heading and one line below it.
        facts: (name, value) of a few figures to see first.
        orbits: one viewer a reference; the first turns in the heading.
        poses: pictures of the poses found, in the order in which to read them.
        curve: the training curve.
        tables: figures.
        config_text: the run's configuration, as text.
    """

    title: str
    summary: str = ""
    facts: Sequence[tuple[str, Cell]] = ()
    orbits: Sequence[OrbitView] = ()
    poses: Sequence[Panel] = ()
    curve: Image.Image | None = None
    tables: Sequence[Table] = ()
    config_text: str = ""


def write_page(path: Path, page: ReportPage) -> None:
    """Write `page` as one HTML file that needs no network, through a temporary name."""
    html = (
        _environment()
        .get_template("page.html")
        .render(
            page=page,
            orbits=[_orbit_context(index, view) for index, view in enumerate(page.orbits)],
            modes=list(dict.fromkeys(mode for view in page.orbits for mode in view.shown)),
            style=_asset("page.css"),
            script=_asset("page.js"),
        )
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(html, encoding="utf-8")
    temporary.replace(path)


def _asset(name: str) -> str:
    return resources.files("mirage.report").joinpath(name).read_text(encoding="utf-8")


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_asset),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(figure=format_cell, picture=_data_uri)
    return environment


def _data_uri(picture: Image.Image, quality: int = 90) -> str:
    """A picture as a `data:` URI: WebP, or PNG where it is too long for WebP."""
    kind = "webp" if max(picture.size) <= _WEBP_LIMIT else "png"
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, kind, quality=quality, method=4)
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _sprite(pictures: Sequence[Image.Image]) -> Image.Image:
    """Pictures of one size in reading order on a grid, each with a gutter of its own edge."""
    columns, rows = _grid(len(pictures))
    width, height = (side + 2 * _GUTTER for side in pictures[0].size)
    sprite = Image.new("RGB", (columns * width, rows * height))
    pad = ((_GUTTER, _GUTTER), (_GUTTER, _GUTTER), (0, 0))
    for index, picture in enumerate(pictures):
        cell = Image.fromarray(np.pad(np.asarray(picture), pad, mode="edge"))
        sprite.paste(cell, (index % columns * width, index // columns * height))
    return sprite


def _grid(count: int) -> tuple[int, int]:
    """Columns and rows of a sprite of `count` frames."""
    columns = min(count, _SPRITE_COLUMNS)
    return columns, -(-count // columns)


def _position(index: int, count: int) -> str:
    """The CSS background-position of frame `index` of a sprite of `count`."""
    columns, rows = _grid(count)
    x, y = index % columns, index // columns
    return f"{100 * x / max(columns - 1, 1):.4f}% {100 * y / max(rows - 1, 1):.4f}%"


def _orbit_context(index: int, view: OrbitView) -> dict[str, object]:
    """What the template is told of one orbit; the script gets the `script` entry as JSON."""
    orbit = view.orbit
    count = len(orbit.frames)
    columns, rows = _grid(count)
    reference = enlarge(orbit.reference, _FRAME_SIDE)
    width, height = reference.size
    azimuths = [f"{azimuth:.0f}°" for azimuth in orbit.azimuth]
    own = [int(pose) == orbit.reference_pose for pose in orbit.pose]
    positions = [_position(frame, count) for frame in range(count)]
    return {
        "name": view.name,
        "reference": reference,
        "reference_pose": orbit.reference_pose,
        "first_mode": view.first_mode,
        "count": count,
        "aspect": f"{width} / {height}",
        "size": f"{100 * columns}% {100 * rows}%",
        # how far a sprite's cell stands out of the frame shown: top and bottom, left and right
        "gutter": f"{-100 * _GUTTER / height:.4f}% {-100 * _GUTTER / width:.4f}%",
        "frames": list(zip(azimuths, own, positions, strict=True)),
        "modes": [
            {
                "name": mode,
                "sprite": f"sprite-{index}-{mode_id}",
                "picture": _sprite([enlarge(frame, _FRAME_SIDE) for frame in frames]),
                "scores": list(view.scores.get(mode, {}).items()),
            }
            for mode_id, (mode, frames) in enumerate(view.shown.items())
        ],
        "script": {
            "positions": positions,
            "labels": [
                f"{azimuth} · pose {pose}"
                for azimuth, pose in zip(azimuths, orbit.pose.tolist(), strict=True)
            ],
        },
    }
