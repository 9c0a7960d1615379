"""What surrounds an object: camera, light, backdrop."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mirage.core.contracts import FloatArray
from mirage.images.turntable.clutter import paint_clutter
from mirage.images.turntable.palette import from_hsv
from mirage.images.turntable.solids import Colour

FIELD_OF_VIEW = 24.0  # degrees, vertical and horizontal


@dataclass(frozen=True)
class Scene:
    """Camera, light and backdrop of an object or a view.

    Attributes:
        elevation: of the camera over the floor, degrees.
        fill: diameter of the object's bounding sphere over the side of the picture.
        light_azimuth: degrees from the camera, positive to its left.
        light_elevation: degrees.
        key: strength of the main light; `ambient` of the light from everywhere.
        wall_top: colour of the backdrop at the top of the picture.
        wall_bottom: colour of the backdrop at the horizon.
        floor_near: colour of the floor at the bottom of the picture.
        floor_far: colour of the floor at the horizon.
        horizon: height of the horizon over the picture's middle, in half sides.
        blur: softness of the horizon, in half sides.
        shadow: darkness under the object, in [0, 1].
        shift: of the picture's middle against the object's, to the right and up, in half sides.
        clutter: seed of a busy background; None for an empty room.
    """

    elevation: float
    fill: float
    light_azimuth: float
    light_elevation: float
    key: float
    ambient: float
    wall_top: Colour
    wall_bottom: Colour
    floor_near: Colour
    floor_far: Colour
    horizon: float
    blur: float
    shadow: float
    shift: tuple[float, float] = (0.0, 0.0)
    clutter: int | None = None


def sample_scene(rng: np.random.Generator) -> Scene:
    """Draw a scene; lights from left and right are equally likely, as mirroring needs."""
    hue, floor_hue = rng.random(), rng.random()
    wall_value, floor_value = rng.uniform(0.45, 0.95), rng.uniform(0.35, 0.85)
    wall_tint, floor_tint = rng.uniform(0.0, 0.35), rng.uniform(0.0, 0.22)
    return Scene(
        elevation=rng.uniform(10.0, 25.0),
        fill=rng.uniform(0.9, 1.02),
        light_azimuth=rng.uniform(-60.0, 60.0),
        light_elevation=rng.uniform(35.0, 65.0),
        key=rng.uniform(0.75, 1.0),
        ambient=rng.uniform(0.75, 1.1),
        wall_top=from_hsv(hue, wall_tint, wall_value),
        wall_bottom=from_hsv(
            hue + rng.uniform(-0.08, 0.08), wall_tint * 0.5, min(wall_value + 0.1, 1)
        ),
        floor_near=from_hsv(floor_hue, floor_tint, floor_value),
        floor_far=from_hsv(floor_hue, floor_tint * 0.7, min(floor_value + 0.12, 1.0)),
        horizon=rng.uniform(0.1, 0.5),
        blur=rng.uniform(0.02, 0.2),
        shadow=rng.uniform(0.35, 0.65),
    )


def cluttered(scene: Scene, rng: np.random.Generator) -> Scene:
    """Draw a view before a busy background, with light and framing of its own.

    The camera stays as high as in `scene`. The picture is moved like the frame of a crop, so that
    the object is still seen from the same side.
    """
    fill = rng.uniform(0.72, 0.95)
    across, up = rng.uniform(-0.8, 0.8, 2) * (1.0 - fill)
    return replace(
        sample_scene(rng),
        elevation=scene.elevation,
        fill=fill,
        shift=(across, up),
        clutter=int(rng.integers(2**31)),
    )


def camera_position(scene: Scene, centre: FloatArray, radius: float) -> FloatArray:
    """[3]; on the x axis' side of the object, so that azimuth 0 shows the object's front."""
    angle = np.radians(scene.elevation)
    distance = radius / scene.fill / np.sin(np.radians(FIELD_OF_VIEW / 2.0))
    return np.asarray(centre + distance * np.array([np.cos(angle), 0.0, np.sin(angle)]))


def light_direction(scene: Scene) -> FloatArray:
    """[3] unit vector from the object to the main light; the camera looks along −x."""
    azimuth, elevation = np.radians([scene.light_azimuth, scene.light_elevation])
    flat = np.cos(elevation)
    # Seen from the camera, left is −y.
    return np.array([flat * np.cos(azimuth), -flat * np.sin(azimuth), np.sin(elevation)])


def paint_backdrop(
    scene: Scene,
    size: int,
    camera: FloatArray,
    centre: FloatArray,
    footprint: tuple[float, float],
    azimuth: float,
) -> FloatArray:
    """The picture without the object: wall, floor and the object's soft shadow on the floor.

    Args:
        scene: colours and horizon.
        size: side of the picture, pixels.
        camera: [3] position.
        centre: [3] the point looked at.
        footprint: half length and half width of what stands on the floor, metres.
        azimuth: the object's turn, degrees.

    Returns:
        [size, size, 3] float in [0, 255].
    """
    ticks = (np.arange(size) + 0.5) / size * 2.0 - 1.0
    height = -ticks[:, None, None]
    is_wall = 1.0 / (1.0 + np.exp(-(height - scene.horizon) / max(scene.blur, 1e-3) * 4.0))
    up = np.clip((height - scene.horizon) / (1.0 - scene.horizon), 0.0, 1.0)
    down = np.clip((scene.horizon - height) / (1.0 + scene.horizon), 0.0, 1.0)
    wall = _mix(scene.wall_bottom, scene.wall_top, up)
    floor = _mix(scene.floor_far, scene.floor_near, down)
    shade = _shadow(scene, ticks, camera, centre, footprint, azimuth)
    picture: FloatArray = np.broadcast_to(is_wall * wall + (1.0 - is_wall) * floor, (size, size, 3))
    if scene.clutter is not None:
        picture = paint_clutter(picture, scene.horizon, scene.clutter)
    return np.asarray(picture * (1.0 - shade[..., None]))


def _mix(first: Colour, second: Colour, share: FloatArray) -> FloatArray:
    return np.asarray(np.multiply(first, 1.0 - share) + np.multiply(second, share))


def _shadow(
    scene: Scene,
    ticks: FloatArray,
    camera: FloatArray,
    centre: FloatArray,
    footprint: tuple[float, float],
    azimuth: float,
) -> FloatArray:
    """[size, size] darkness in [0, 1] under a soft box of the footprint's size."""
    forward = (centre - camera) / np.linalg.norm(centre - camera)
    right = np.array([0.0, 1.0, 0.0])
    upward = np.cross(right, forward)
    spread = np.tan(np.radians(FIELD_OF_VIEW / 2.0))
    across, down = ticks + scene.shift[0], ticks - scene.shift[1]
    rays = forward + spread * (across[None, :, None] * right - down[:, None, None] * upward)
    falls = rays[..., 2] < -1e-6
    reach = np.where(falls, -camera[2] / np.minimum(rays[..., 2], -1e-6), 0.0)
    x, y = (camera + reach[..., None] * rays)[..., :2].transpose(2, 0, 1)
    turn = np.radians(azimuth)
    along = np.abs(np.cos(turn) * x + np.sin(turn) * y)
    across = np.abs(-np.sin(turn) * x + np.cos(turn) * y)
    outside = np.hypot((along - footprint[0]).clip(0.0), (across - footprint[1]).clip(0.0))
    softness = 0.35 * min(footprint)
    return np.where(falls, scene.shadow * np.exp(-((outside / softness) ** 2)), 0.0)
