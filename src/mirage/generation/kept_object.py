"""The folder that an object is kept in: the mesh, a film of it, and what is known of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import trimesh
from PIL import Image, ImageSequence

from mirage.core.contracts import ByteArray, FloatArray
from mirage.core.errors import MirageError
from mirage.core.files import replacing
from mirage.drawing.films import save_gif
from mirage.drawing.surface import Surface
from mirage.runs.folder import read_json, write_json
from mirage.shape.mesh import save_mesh, surface
from mirage.shape.reconstruct import Reconstruction, orbit_cameras
from mirage.shape.render import render_views

FACTS, FILM, MESHES = "shape.json", "turning.gif", ("object.glb", "object.ply")
_FILM_SIDE = 96


@dataclass(frozen=True)
class KeptObject:
    """An object as it is read back.

    Attributes:
        film: [V, H, W, 3] uint8, the object at the azimuths of its views.
        surface: its mesh.
        facts: what shape.json holds.
    """

    film: ByteArray
    surface: Surface
    facts: dict[str, Any]

    @classmethod
    def load(cls, folder: Path) -> KeptObject:
        """Read what `save_object` wrote.

        Raises:
            MirageError: a file is missing or damaged.
        """
        path = folder / MESHES[1]
        try:
            mesh = trimesh.load_mesh(path)
            colours = mesh.visual.vertex_colors[:, :3]  # type: ignore[union-attr]
            seen = Surface(mesh.vertices, mesh.faces, colours)
        except (OSError, ValueError, AttributeError) as error:
            raise MirageError(
                f"cannot be read: {error}",
                where=str(path),
                todo=f"delete {folder} and run `mirage reconstruct` again",
            ) from error
        return cls(read_film(folder / FILM), seen, read_json(folder / FACTS))


def save_object(
    made: Reconstruction, azimuth: FloatArray, target: Path, origin: dict[str, str]
) -> None:
    """Write the mesh, the film, and last of all shape.json.

    Args:
        azimuth: [V] degrees of all views on their ring, at which the film shows the object.
        origin: facts of where the views are from.

    Raises:
        MirageError: the field has no surface.
    """
    mesh = surface(made.field)
    target.mkdir(parents=True, exist_ok=True)
    (target / FACTS).unlink(missing_ok=True)
    for name in MESHES:
        save_mesh(mesh, target / name)
    with replacing(target / FILM) as temporary:
        save_gif(_film(made, azimuth), temporary)
    write_json(target / FACTS, origin | facts_of(made, mesh))


def read_film(path: Path) -> ByteArray:
    """[V, H, W, 3] uint8, the frames of a GIF.

    Raises:
        MirageError: the file is missing or damaged.
    """
    try:
        with Image.open(path) as film:
            return np.stack([np.asarray(f.convert("RGB")) for f in ImageSequence.Iterator(film)])
    except OSError as error:
        raise MirageError(f"cannot be read: {error}", where=str(path)) from error


def _film(made: Reconstruction, azimuth: FloatArray) -> ByteArray:
    cameras = orbit_cameras(made.cameras, made.direction * azimuth)
    colour, opacity = render_views(made.field, cameras, _FILM_SIDE)
    return np.rint(255.0 * (colour + 1.0 - opacity[..., None])).clip(0, 255).astype(np.uint8)


def facts_of(made: Reconstruction, mesh: trimesh.Trimesh) -> dict[str, Any]:
    """What shape.json says: cameras, views, and how far they agree."""
    cameras, views = made.cameras, made.views
    turn = np.rad2deg(cameras.turn.detach().numpy())
    scale = cameras.log_scale.detach().exp().tolist()
    return {
        "verdict": made.verdict,
        "silhouette_iou": made.agreement,
        "colour_error": float(np.average(made.colour_error, weights=views.weight)),
        "elevation": float(torch.rad2deg(cameras.elevation.detach())),
        "field_of_view": cameras.field_of_view,
        "direction": made.direction,
        "tried": [asdict(trial) for trial in made.tried],
        "mesh": {
            "vertices": len(mesh.vertices),
            "faces": len(mesh.faces),
            "watertight": bool(mesh.is_watertight),
            "size": [float(side) for side in mesh.extents],
        },
        "views": [
            {
                "azimuth": float(views.azimuth[i]),
                "weight": float(views.weight[i]),
                "silhouette_iou": float(made.silhouette_iou[i]),
                "colour_error": float(made.colour_error[i]),
                "turn": float(turn[i]),
                "shift": cameras.shift[i].tolist(),
                "scale": scale[i],
            }
            for i in range(len(views))
        ],
    }
