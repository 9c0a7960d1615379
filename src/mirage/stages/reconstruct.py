"""reconstruct: an orbit of views → the object, as a mesh that other programs open."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
import trimesh

from mirage.circle import circular_distance
from mirage.config import Config, ShapeConfig, ViewsConfig
from mirage.contracts import ByteArray, FloatArray
from mirage.errors import MirageError
from mirage.files import replacing
from mirage.parts.silhouette import find_silhouettes
from mirage.progress import show_progress
from mirage.report.films import save_gif
from mirage.shape.fit import FitSettings
from mirage.shape.mesh import save_mesh, surface
from mirage.shape.reconstruct import Reconstruction, reconstruct, turning
from mirage.shape.render import render_views
from mirage.shape.views import ObjectViews
from mirage.stages import views as views_stage
from mirage.stages.folder import RunFolder, hash_of, read_json, write_json
from mirage.stages.turn.turner import Turner
from mirage.stages.views import read_orbit

FACTS, FILM = "shape.json", "turning.gif"
_TOLERANCE = 30.0  # degrees: a view read that far from where it was asked for counts a third
_FILM_SIDE, _FILM_FRAMES = 96, 36


def run(config: Config, folder: RunFolder) -> str:
    """Reconstruct each object that has views from all round; returns the closing line.

    A photo named by `views.reference` is turned first.

    Raises:
        MirageError: there are no such views, or an object could not be made; the others are.
    """
    folder.key("model")
    if config.views.reference != ViewsConfig.reference:
        count = max(config.views.count, config.shape.views)
        config = replace(config, views=replace(config.views, count=count))
        print(views_stage.run(config, folder), flush=True)
    orbits = _orbits(config, folder)
    turner: Turner | None = None
    verdicts, refused = [], []
    for source in show_progress(orbits, "objects", len(orbits)):
        target = folder["shape"] / source.name
        key = hash_of(config.shape, read_json(source / "views.json")["key"])
        if not _is_made(target, key):
            turner = turner or Turner.open(folder["model"])
            try:
                made = reconstruct(_object_views(source, turner), settings_of(config.shape))
                _write(made, surface(made.field), source, target, key)
            except MirageError as error:
                refused.append(f"\n- {source.name}: {error.what}")
                continue
        verdicts.append(read_json(target / FACTS)["verdict"])
    if refused:
        raise MirageError(
            f"{len(verdicts)} objects are made, {len(refused)} are not:{''.join(refused)}",
            where=str(folder["views"]),
            todo="look at their views: they should show one object from all round",
        )
    said = verdicts[0] if len(verdicts) == 1 else f"{sum(v[:4] == 'good' for v in verdicts)} good"
    return f"reconstruct: {len(verdicts)} objects, {said} → {folder['shape']}"


def settings_of(config: ShapeConfig) -> FitSettings:
    """Three grids, each of about three times the voxels of the one before."""
    voxels = tuple(round(config.voxels / 3**stage) for stage in (2, 1, 0))
    return FitSettings(voxels, config.steps, config.rays, seed=config.seed)


def _orbits(config: Config, folder: RunFolder) -> list[Path]:
    """The folders of views to make objects of."""
    made = sorted(path.parent for path in folder["views"].glob("*/views.json"))
    if config.views.reference != ViewsConfig.reference:
        named = Path(config.views.reference).resolve()
        made = [m for m in made if _is_of(read_json(m / "views.json")["reference"], named)]
    enough = [m for m in made if len(read_json(m / "views.json")["views"]) >= config.shape.views]
    if not enough:
        raise MirageError(
            f"none of {len(made)} references has {config.shape.views} views",
            where=str(folder["views"]),
            todo=f"run `mirage views views.count={config.shape.views} run={folder.root}` first, "
            "or name a photo, as in views.reference=car.jpg",
        )
    return enough


def _is_of(reference: str, named: Path) -> bool:
    path = Path(reference).resolve()
    return path == named or named in path.parents


def _object_views(source: Path, turner: Turner) -> ObjectViews:
    """Views with their masks, and believed as they are of the pose that was asked for."""
    orbit = read_orbit(source)
    found = read_json(source / "views.json")["views"]
    astray = circular_distance([view["azimuth_found"] for view in found], orbit.azimuth)
    masks = find_masks(orbit.frames, turner)
    return ObjectViews(orbit.frames, masks, orbit.azimuth, np.exp(-((astray / _TOLERANCE) ** 2)))


def find_masks(frames: ByteArray, turner: Turner) -> FloatArray:
    """[V, S, S] the share of each pixel that is the object, by the parts' foreground."""
    coarse = turner.bank.masks(turner.backbone(frames)).cpu().numpy()
    sharp = torch.from_numpy(find_silhouettes(coarse, frames) > 0.5).float()[:, None]
    masks = F.interpolate(sharp, frames.shape[1:3], mode="bilinear", antialias=True)
    return masks[:, 0].numpy()


def _is_made(target: Path, key: str) -> bool:
    try:
        return bool(read_json(target / FACTS)["key"] == key)
    except (MirageError, KeyError):
        return False


def _write(
    made: Reconstruction, mesh: trimesh.Trimesh, source: Path, target: Path, key: str
) -> None:
    """One folder: the object, its film, and last of all shape.json."""
    target.mkdir(parents=True, exist_ok=True)
    (target / FACTS).unlink(missing_ok=True)
    for name in ("object.glb", "object.ply"):
        save_mesh(mesh, target / name)
    with replacing(target / FILM) as temporary:
        save_gif(_film(made), temporary)
    write_json(target / FACTS, {"key": key, "views_of": str(source)} | facts_of(made, mesh))


def _film(made: Reconstruction) -> ByteArray:
    azimuth = np.arange(_FILM_FRAMES) * (360.0 / _FILM_FRAMES)
    colour, opacity = render_views(made.field, turning(made.cameras, azimuth), _FILM_SIDE)
    return np.rint(255.0 * (colour + 1.0 - opacity[..., None])).clip(0, 255).astype(np.uint8)


def facts_of(made: Reconstruction, mesh: trimesh.Trimesh) -> dict[str, Any]:
    """What shape.json says: cameras, views, and how far they agree."""
    cameras, views = made.cameras, made.views
    turn = np.rad2deg(cameras.turn.detach().numpy())
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
                "scale": float(cameras.log_scale[i].exp()),
            }
            for i in range(len(views))
        ],
    }
