"""One object at one azimuth → a picture, or its true silhouette."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mirage.core.contracts import ByteArray
from mirage.images.turntable.objects import ObjectSpec, build_meshes, view_scene

if TYPE_CHECKING:
    from mirage.images.turntable.studio import Studio


def render(spec: ObjectSpec, azimuth_deg: float, size: int) -> ByteArray:
    """The object turned by `azimuth_deg`, counter-clockwise seen from above.

    Args:
        spec: the object; all its views share camera, light and backdrop, unless its variant is
            cluttered.
        azimuth_deg: degrees; at 0 the front faces the camera, at 90 it points to the picture's
            right, at 180 the rear faces the camera.
        size: side of the picture, pixels.

    Returns:
        [size, size, 3] uint8, antialiased; the same bytes for the same arguments.
    """
    picture, _ = studio_of(spec, size).shoot(view_scene(spec, azimuth_deg), azimuth_deg)
    return picture


def render_mask(spec: ObjectSpec, azimuth_deg: float, size: int) -> npt.NDArray[np.bool_]:
    """The true silhouette of `render`'s picture: [size, size] bool, at least half covered.

    For evaluation only: nothing that learns may see it.
    """
    _, coverage = studio_of(spec, size).shoot(view_scene(spec, azimuth_deg), azimuth_deg)
    return np.asarray(coverage >= 0.5)


def studio_of(spec: ObjectSpec, size: int) -> Studio:
    """The studio with `spec` on its turntable; setting up is skipped if it is there already."""
    # VTK takes a second to load, and most commands take no pictures.
    from mirage.images.turntable.studio import open_studio

    studio = open_studio(size)
    if studio.subject != spec:
        studio.set_up(build_meshes(spec), spec)
    return studio
