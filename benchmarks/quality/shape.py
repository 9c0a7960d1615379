"""Objects made of views against the true ones: turntable cars, whose shape is known.

    python benchmarks/quality/shape.py [--run runs/demo] [--cars 3] [--size 64]

A row a car and a source of views: true renders with true cameras (what the method can do), true
renders with unknown cameras, and views that the run's model made of one photo. Every shape is
brought to the true one by a turn about the upright axis, a scale and a shift. Beside the true solid
stands its outline: what silhouettes from the horizon up allow, hollows under the car filled, since
no view looks in there.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch._dynamo  # before VTK's window: its LLVM and triton's do not load in the other order

from mirage.config.load import load_config
from mirage.core.contracts import PosedPhoto
from mirage.core.errors import MirageError
from mirage.drawing.tables import Table, print_tables
from mirage.generation.object_views import object_views
from mirage.generation.references import Reference
from mirage.generation.sampling import generate_views
from mirage.generation.view_generator import ViewGenerator
from mirage.images.turntable.cars import CarDesign
from mirage.images.turntable.objects import ObjectSpec, build_meshes, sample_objects
from mirage.images.turntable.occupancy import occupancy
from mirage.images.turntable.pictures import studio_of
from mirage.images.turntable.scene import FIELD_OF_VIEW
from mirage.images.turntable.solids import block
from mirage.images.turntable.studio import Studio
from mirage.shape.cameras import OrbitCameras
from mirage.shape.field import VoxelField, grid_points
from mirage.shape.fit import FitSettings, fit_field
from mirage.shape.measure import Likeness, Solid, compare, outline, psnr
from mirage.shape.reconstruct import orbit_cameras, reconstruct
from mirage.shape.render import render_views
from mirage.shape.views import ObjectViews

_REACH, _SIDE = 1.2, 72  # of the grid that shapes are compared on: half sides, cubes
_VIEWS, _HELD_OUT = 24, 8
_BOX = (4.4, 1.75, 1.5)  # metres: a usual car, as a rounded box


def main() -> None:
    """Print a table a car, and the means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, help="a run with a model, for the third source")
    parser.add_argument("--cars", type=int, default=3)
    parser.add_argument("--size", type=int, default=64, help="of true renders, pixels")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--voxels", type=int, nargs="+", default=[9_000, 27_000, 80_000])
    parser.add_argument("--steps", type=int, default=120)
    given = parser.parse_args()
    torch.set_num_threads(1)
    settings = FitSettings(tuple(given.voxels), given.steps)
    generator = None if given.run is None else ViewGenerator.open(given.run / "model")
    rows: list[tuple[str, list[float]]] = []
    for index, spec in enumerate(sample_objects("cars", given.cars, given.seed, "evaluate")):
        found = measure(spec, given.size, settings, generator, given.run)
        rows += found
        assert isinstance(spec.design, CarDesign)
        camera = f"camera {spec.scene.elevation:.1f}° up"
        print_tables([_table(f"car {index}: {spec.design.style}, {camera}", found)])
    names = list(dict.fromkeys(name for name, _ in rows))
    means = [(n, np.mean([v for name, v in rows if name == n], axis=0).tolist()) for n in names]
    print_tables([_table(f"mean of {given.cars} cars", means)])


def measure(
    spec: ObjectSpec,
    size: int,
    settings: FitSettings,
    generator: ViewGenerator | None,
    run: Path | None,
) -> list[tuple[str, list[float]]]:
    """Figures of one car: IoU, IoU of the outline, Chamfer distance, PSNR, elevation."""
    truth = Truth(spec, size)
    rows = [("rounded box", truth.judge(_box(), None))]
    views = truth.views()
    cameras = OrbitCameras(views.azimuth, spec.scene.elevation, FIELD_OF_VIEW)
    field = fit_field(views, cameras, replace(settings, refine_cameras=False))
    rows.append(("true views, true cameras", truth.judge(solid_of(field), (field, cameras))))
    sources = {"true views, unknown cameras": views}
    if generator is not None:
        sources["views of the model"] = _model_views(spec, truth, generator, run)
    for name, seen in sources.items():
        try:
            made = reconstruct(seen, settings)
        except MirageError as error:
            print(f"{name}: {error.what}")
            continue
        figures = truth.judge(solid_of(made.field), (made.field, made.cameras))
        print(f"{name}: {made.verdict}", flush=True)
        rows.append((name, figures))
    return rows


class Truth:
    """A car's true shape, and renders of it."""

    def __init__(self, spec: ObjectSpec, size: int) -> None:
        self.spec, self.size, self.meshes = spec, size, build_meshes(spec)
        studio = self._studio()
        spread = np.tan(np.radians(FIELD_OF_VIEW / 2.0)) / np.sin(np.radians(FIELD_OF_VIEW / 2.0))
        unit = studio._radius / spec.scene.fill * spread  # metres in half a picture's side
        ticks = ((np.arange(_SIDE) + 0.5) / _SIDE * 2.0 - 1.0) * _REACH * unit
        inside = occupancy(self.meshes, ticks, ticks, ticks + studio._centre[2])
        # front, left, up → z, x, y
        self.solid = Solid(inside.transpose(0, 2, 1), (_REACH,) * 3)
        self.outline = outline(self.solid)

    def views(self, first: float = 0.0, count: int = _VIEWS) -> ObjectViews:
        azimuth = first + np.arange(count) * (360.0 / count)
        studio = self._studio()
        shots = [studio.shoot(self.spec.scene, float(a)) for a in azimuth]
        frames, masks = (np.stack(part) for part in zip(*shots, strict=True))
        return ObjectViews(frames, masks, azimuth, np.ones(count))

    def judge(self, found: Solid, seen: tuple[VoxelField, OrbitCameras] | None) -> list[float]:
        like = compare(found, self.solid)
        figures = [like.iou, compare(found, self.outline).iou, like.chamfer]
        if seen is None:
            return [*figures, float("nan"), float("nan")]
        elevation = float(torch.rad2deg(seen[1].elevation.detach()))
        return [*figures, self._psnr(like, *seen), elevation]

    def _psnr(self, like: Likeness, field: VoxelField, cameras: OrbitCameras) -> float:
        """Of views between those that were fitted, before white."""
        true = self.views(180.0 / _VIEWS, _HELD_OUT)
        colour, opacity = render_views(
            field, orbit_cameras(cameras, true.azimuth + like.turn), self.size
        )
        share = true.masks[..., None]
        shown = true.frames / 255.0 * share + 1.0 - share
        return psnr(colour + 1.0 - opacity[..., None], shown)

    def _studio(self) -> Studio:
        return studio_of(self.spec, self.size)


def solid_of(field: VoxelField) -> Solid:
    """A field's inside on the grid that shapes are compared on."""
    points = grid_points((_SIDE,) * 3, torch.zeros(3), torch.full((3,), _REACH))
    with torch.no_grad():
        distance = field.look_up(field.distance, points)[:, 0]
        within = ((points - field.centre).abs() <= field.reach).all(dim=1)
    return Solid(((distance < 0.0) & within).view(_SIDE, _SIDE, _SIDE).numpy(), (_REACH,) * 3)


def _box() -> Solid:
    ticks = ((np.arange(_SIDE) + 0.5) / _SIDE * 2.0 - 1.0) * 3.0
    inside = occupancy([block((0.0, 0.0, 0.0), _BOX, (0, 0, 0))], ticks, ticks, ticks)
    return Solid(inside.transpose(0, 2, 1), (3.0, 3.0, 3.0))


def _model_views(
    spec: ObjectSpec, truth: Truth, generator: ViewGenerator, run: Path | None
) -> ObjectViews:
    """The model's views of the car, from one photo of it at 30°."""
    small, sharp = generator.denoiser.resolution, generator.backbone.size

    def shoot(side: int) -> np.ndarray:
        return studio_of(spec, side).shoot(spec.scene, 30.0)[0]

    labels, _ = generator.read_photo(shoot(sharp))
    photo = PosedPhoto(shoot(small), int(labels.pose[0]), float(labels.azimuth[0]))
    reference = Reference(spec.object_id, "", (photo,), float(labels.confidence[0]), False)
    config = load_config([f"run={run}"])
    config = replace(config, views=replace(config.views, count=_VIEWS, azimuths=None))
    (made,) = generate_views(generator, [reference], config)
    return object_views(made.orbit, made.found.azimuth, generator)


def _table(title: str, rows: list[tuple[str, list[float]]]) -> Table:
    columns = ["views", "IoU", "IoU outline", "Chamfer", "PSNR", "elevation"]
    formats = ("{:.3f}", "{:.3f}", "{:.4f}", "{:.1f}", "{:.1f}")

    def cells_of(values: list[float]) -> list[str | None]:
        told = zip(formats, values, strict=True)
        return [None if np.isnan(value) else form.format(value) for form, value in told]

    cells = [[name, *cells_of(values)] for name, values in rows]
    return Table(title, columns, cells)


if __name__ == "__main__":
    main()
