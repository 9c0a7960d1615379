"""Takes the pictures: VTK off screen, the object over a backdrop painted in NumPy."""

from __future__ import annotations

import os
from collections.abc import Hashable, Sequence
from contextlib import suppress
from functools import lru_cache
from importlib import import_module

import numpy as np
import pyvista as pv
import vtk
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from mirage.core.contracts import ByteArray, FloatArray
from mirage.core.errors import MirageError
from mirage.images.turntable.scene import (
    FIELD_OF_VIEW,
    Scene,
    camera_position,
    light_direction,
    paint_backdrop,
)
from mirage.images.turntable.solids import ColouredMesh

OVERSAMPLING = 4  # samples per pixel and axis


class Studio:
    """One off-screen window of a fixed size; set an object up once, then shoot it from all round.

    Not to be shared between threads or carried through a fork: VTK owns an OpenGL context.
    """

    def __init__(self, size: int) -> None:
        if not os.environ.get("DISPLAY") and os.name == "posix":
            os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
        _load_triton()
        side = size * OVERSAMPLING
        self.size = size
        self._plotter = pv.Plotter(off_screen=True, window_size=[side, side], lighting="none")
        window = self._plotter.render_window
        if window is None:
            raise MirageError("VTK gave no off-screen window", where="images.turntable")
        self._window = window
        self._window.SetMultiSamples(0)
        self._window.SetAlphaBitPlanes(1)
        self._plotter.renderer.SetBackground(0.0, 0.0, 0.0)
        self._plotter.renderer.SetBackgroundAlpha(0.0)
        self._actors: list[vtk.vtkActor] = []
        self.subject: Hashable = None

    def set_up(self, meshes: Sequence[ColouredMesh], subject: Hashable = None) -> None:
        """Put an object on the turntable; `subject` names it."""
        self.subject = subject
        renderer = self._plotter.renderer
        for actor in self._actors:
            renderer.RemoveActor(actor)
        self._actors = [_make_actor(mesh) for mesh in merge_by_finish(meshes)]
        for actor in self._actors:
            renderer.AddActor(actor)
        vertices = np.concatenate([mesh.vertices for mesh in meshes])
        top = vertices[:, 2].max()
        reach = np.hypot(vertices[:, 0], vertices[:, 1])
        self._centre = np.array([0.0, 0.0, top / 2.0])
        self._radius = float(np.hypot(reach, vertices[:, 2] - top / 2.0).max())
        self._footprint = _footprint(vertices, top)

    def shoot(self, scene: Scene, azimuth: float) -> tuple[ByteArray, FloatArray]:
        """The object turned by `azimuth` degrees, counter-clockwise seen from above.

        Returns:
            [size, size, 3] uint8 picture and [size, size] float coverage in [0, 1] by the object.
        """
        camera = self._aim(scene)
        for actor in self._actors:
            actor.SetOrientation(0.0, 0.0, azimuth)
        side = self.size * OVERSAMPLING
        self._window.Render()
        raw = vtk.vtkUnsignedCharArray()
        self._window.GetRGBACharPixelData(0, 0, side - 1, side - 1, 0, raw)
        pixels = vtk_to_numpy(raw).reshape(side, side, 4)[::-1].astype(np.float32)
        cells = pixels.reshape(self.size, OVERSAMPLING, self.size, OVERSAMPLING, 4)
        # The window is black where alpha is 0, so the mean is already weighted by coverage.
        mean = cells.mean(axis=(1, 3))
        coverage = mean[..., 3:] / 255.0
        backdrop = paint_backdrop(scene, self.size, camera, self._centre, self._footprint, azimuth)
        picture = mean[..., :3] + (1.0 - coverage) * backdrop
        return np.rint(picture).clip(0, 255).astype(np.uint8), coverage[..., 0]

    def _aim(self, scene: Scene) -> FloatArray:
        """Set camera and lights; returns the camera's position."""
        position = camera_position(scene, self._centre, self._radius)
        renderer = self._plotter.renderer
        camera = renderer.GetActiveCamera()
        camera.SetPosition(*position)
        camera.SetFocalPoint(*self._centre)
        camera.SetViewUp(0.0, 0.0, 1.0)
        camera.SetViewAngle(FIELD_OF_VIEW)
        camera.SetWindowCenter(*scene.shift)
        for actor in self._actors:  # depth is measured alike for every azimuth
            actor.SetOrientation(0.0, 0.0, 0.0)
        renderer.ResetCameraClippingRange()
        renderer.RemoveAllLights()
        renderer.SetAmbient(scene.ambient, scene.ambient, scene.ambient)
        key = light_direction(scene)
        for direction, strength in ((key, scene.key), (position - self._centre, 0.25)):
            light = vtk.vtkLight()
            light.SetPosition(*(self._centre + 100.0 * direction))
            light.SetFocalPoint(*self._centre)
            light.SetIntensity(strength)
            renderer.AddLight(light)
        return position


@lru_cache(maxsize=4)
def open_studio(size: int) -> Studio:
    """The process's studio for pictures of `size` pixels."""
    return Studio(size)


def merge_by_finish(meshes: Sequence[ColouredMesh]) -> list[ColouredMesh]:
    """One mesh per material, for few and large draw calls."""
    merged: list[ColouredMesh] = []
    for finish in dict.fromkeys(mesh.finish for mesh in meshes):
        group = [mesh for mesh in meshes if mesh.finish == finish]
        starts = np.cumsum([0, *(len(mesh.vertices) for mesh in group[:-1])])
        merged.append(
            ColouredMesh(
                np.concatenate([mesh.vertices for mesh in group]),
                np.concatenate([mesh.normals for mesh in group]),
                np.concatenate(
                    [mesh.triangles + start for mesh, start in zip(group, starts, strict=True)]
                ),
                np.concatenate([mesh.colours for mesh in group]),
                finish,
            )
        )
    return merged


def _load_triton() -> None:
    """Before OpenGL: Mesa's software renderer brings an LLVM, after which triton's crashes."""
    with suppress(ImportError):  # it comes with torch, on Linux alone
        import_module("triton")


def _make_actor(mesh: ColouredMesh) -> vtk.vtkActor:
    data = pv.PolyData.from_regular_faces(
        mesh.vertices.astype(np.float64), mesh.triangles.astype(int)
    )
    normals = numpy_to_vtk(mesh.normals.astype(np.float32), deep=True)
    data.GetPointData().SetNormals(normals)
    data.GetCellData().SetScalars(numpy_to_vtk(mesh.colours, deep=True))
    mapper = vtk.vtkPolyDataMapper()
    mapper.SetInputData(data)
    actor = vtk.vtkActor()
    actor.SetMapper(mapper)
    surface = actor.GetProperty()
    surface.SetInterpolationToPhong()
    surface.SetAmbient(mesh.finish.ambient)
    surface.SetDiffuse(mesh.finish.diffuse)
    surface.SetSpecular(mesh.finish.specular)
    surface.SetSpecularPower(mesh.finish.power)
    return actor


def _footprint(vertices: FloatArray, top: float) -> tuple[float, float]:
    """Half length and half width of the object's lowest fifth, seen from above."""
    low = np.abs(vertices[vertices[:, 2] < 0.2 * top])
    return float(low[:, 0].max()), float(low[:, 1].max())
