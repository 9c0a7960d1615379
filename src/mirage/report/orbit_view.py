"""An object that the page turns, in one mode or in several side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from mirage.core.angles import in_degrees
from mirage.core.contracts import ByteArray, FloatArray, IntArray, Orbit
from mirage.core.errors import MirageError
from mirage.drawing.sprites import GUTTER, grid, page_frame, position, sprite
from mirage.drawing.tables import Cell


@dataclass(frozen=True)
class OrbitView:
    """One turntable of the page.

    Attributes:
        name: what is turned, such as the name of the photo.
        azimuth: [V] degrees.
        modes: mode → [V, H, W, 3] uint8, turned side by side; the page opens with the first.
        pose: [V] pose asked for; None where nobody asked for one.
        photo: [H, W, 3] uint8, what the views were made from; None where that is not shown.
        photo_pose: the pose that it was taken to have.
        scores: mode → figure → value, shown below that mode; numbers can be filtered by.
    """

    name: str
    azimuth: FloatArray
    modes: Mapping[str, ByteArray]
    pose: IntArray | None = None
    photo: ByteArray | None = None
    photo_pose: int | None = None
    scores: Mapping[str, Mapping[str, Cell]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        where = f"report orbit {self.name!r}"
        if not self.modes or len(self.azimuth) == 0:
            raise MirageError("an orbit without views", where=where, todo="generate views first")
        shape = next(iter(self.modes.values())).shape
        for mode, frames in self.modes.items():
            if frames.shape != shape or len(frames) != len(self.azimuth):
                raise MirageError(
                    f"mode {mode!r} has frames {frames.shape}, others {shape}, "
                    f"at {len(self.azimuth)} azimuths",
                    where=where,
                    todo="generate every mode at the same azimuths and resolution",
                )
        unknown = sorted(set(self.scores) - set(self.modes))
        if unknown:
            raise MirageError(
                f"scores for {unknown}, which have no frames",
                where=where,
                todo=f"modes are {', '.join(self.modes)}",
            )

    @classmethod
    def of_orbit(
        cls, name: str, orbit: Orbit, mode: str = "views", scores: Mapping[str, Cell] | None = None
    ) -> OrbitView:
        """A generated orbit, with the photo that it was made from."""
        return cls(
            name,
            orbit.azimuth,
            {mode: orbit.frames},
            orbit.pose,
            orbit.reference,
            orbit.reference_pose,
            {mode: scores or {}},
        )

    @property
    def height(self) -> int:
        """H, pixels."""
        return int(next(iter(self.modes.values())).shape[1])

    @property
    def labels(self) -> list[str]:
        """[V] what each frame is."""
        if self.pose is None:
            return [in_degrees(azimuth) for azimuth in self.azimuth]
        pairs = zip(self.azimuth, self.pose.tolist(), strict=True)
        return [f"{in_degrees(azimuth)} · pose {pose}" for azimuth, pose in pairs]

    @property
    def first_scores(self) -> dict[str, float]:
        """Numbers of the first mode that has some, to filter by."""
        for scores in self.scores.values():
            numbers = {k: float(v) for k, v in scores.items() if isinstance(v, int | float)}
            if numbers:
                return {name: value for name, value in numbers.items() if np.isfinite(value)}
        return {}


def orbit_context(index: int, view: OrbitView, height: int) -> dict[str, object]:
    """What the template is told of one orbit; the script gets the `script` entry as JSON.

    Args:
        index: of the orbit among all of the page.
        height: that frames have at most, pixels.
    """
    count = len(view.azimuth)
    columns, rows = grid(count)
    pictures = {
        mode: [page_frame(frame, height) for frame in frames] for mode, frames in view.modes.items()
    }
    width, height = next(iter(pictures.values()))[0].size
    own = np.zeros(count, bool) if view.pose is None else view.pose == view.photo_pose
    positions = [position(frame, count) for frame in range(count)]
    return {
        "index": index,
        "name": view.name,
        "photo": None if view.photo is None else page_frame(view.photo),
        "photo_pose": view.photo_pose,
        "count": count,
        "aspect": f"{width} / {height}",
        "size": f"{100 * columns}% {100 * rows}%",
        # how far a sprite's cell stands out of the frame shown: top and bottom, left and right
        "gutter": f"{-100 * GUTTER / height:.4f}% {-100 * GUTTER / width:.4f}%",
        "frames": [
            (in_degrees(azimuth), bool(is_own), at)
            for azimuth, is_own, at in zip(view.azimuth, own, positions, strict=True)
        ],
        "mode_names": list(view.modes),
        "modes": [_mode_context(index, i, mode, view, pictures) for i, mode in enumerate(pictures)],
        "script": {
            "positions": positions,
            "labels": view.labels,
            "name": view.name,
            "pose": view.photo_pose,
            "scores": view.first_scores,
        },
    }


def _mode_context(
    index: int, mode_id: int, mode: str, view: OrbitView, pictures: dict[str, list[Image.Image]]
) -> dict[str, object]:
    return {
        "name": mode,
        "sprite": f"sprite-{index}-{mode_id}",
        "picture": sprite(pictures[mode]),
        "scores": list(view.scores.get(mode, {}).items()),
    }
