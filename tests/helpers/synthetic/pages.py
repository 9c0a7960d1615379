"""A page with a little of everything, and the same with words that try to be a script."""

from __future__ import annotations

import numpy as np
from PIL import Image

from mirage.core.contracts import Orbit
from mirage.drawing.panel import Panel
from mirage.drawing.surface import Surface
from mirage.drawing.tables import Table
from mirage.report.browsers import PartBrowser, PoseBrowser
from mirage.report.orbit_view import OrbitView
from mirage.report.page import Listing, ReportPage
from mirage.report.solid_view import SolidView

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&"
NUM_POSES = 4


def make_orbit(views: int = 10, pose: int = 1) -> Orbit:
    """Frames of one grey each, 20 apart."""
    grey = 20 * np.arange(views, dtype=np.uint8)
    frames = np.broadcast_to(grey[:, None, None, None], (views, 32, 32, 3)).copy()
    reference = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    azimuth = np.arange(views) * 360.0 / views
    return Orbit(reference, frames, azimuth, np.arange(views) % NUM_POSES, pose)


def make_view(name: str, mode: str, pose: int = 1, score: float = 1.5) -> OrbitView:
    """One photo in the mode hard and its negative in `mode`; the score is named after it too."""
    orbit = make_orbit(pose=pose)
    modes = {"hard": orbit.frames, mode: 255 - orbit.frames}
    return OrbitView(
        name, orbit.azimuth, modes, orbit.pose, orbit.reference, pose, {"hard": {mode: score}}
    )


def make_ring(title: str = "") -> PoseBrowser:
    """Poses of one colour each, with as many photos as their number says."""
    colours = 60 * np.arange(NUM_POSES, dtype=np.uint8)
    photos = np.broadcast_to(colours[:, None, None, None], (NUM_POSES, 32, 32, 3)).copy()
    members = [
        np.stack([photo] * pose) if pose else photos[:0] for pose, photo in enumerate(photos)
    ]
    return PoseBrowser(
        np.array([180.0, 90, 0, 270]), np.arange(NUM_POSES), photos, members, title=title
    )


def make_parts(name: str = "part 0", title: str = "") -> PartBrowser:
    """Two photos with a part on the left half of each."""
    photos = np.full((2, 32, 32, 3), 128, np.uint8)
    masks = np.full((2, 8, 8), 255, np.uint8)
    maps = np.zeros((2, 8, 8, 2), np.uint8)
    maps[:, :, :4, 0] = 255
    return PartBrowser(photos, maps, masks, [name, "other"], title)


CUBE = {
    "+x": (0, 200, 0),
    "-x": (200, 200, 0),
    "+y": (220, 220, 220),
    "-y": (0, 0, 0),
    "+z": (200, 0, 0),
    "-z": (0, 0, 200),
}


def make_cube() -> Surface:
    """A cube from -1 to 1 whose sides are of the colours of CUBE."""
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], float)
    vertices, faces = [], []
    for side in CUBE:
        axis, sign = "xyz".index(side[1]), 1.0 if side[0] == "+" else -1.0
        first = 4 * len(vertices)
        square = np.insert(corners, 0, sign, axis=1)  # the axis, then the two after it
        vertices.append(np.roll(square, axis, axis=1))
        quad = np.array([[0, 1, 2], [0, 2, 3]])
        faces.append(first + (quad if sign > 0 else quad[:, ::-1]))
    colours = np.repeat(np.array(list(CUBE.values()), np.uint8), 4, axis=0)
    return Surface(np.concatenate(vertices), np.concatenate(faces), colours)


def make_page(text: str = "cars", references: int = 1) -> ReportPage:
    """A page of which every text that comes from outside is `text`."""
    picture = Image.new("RGB", (60, 40), "white")
    orbit = make_orbit()
    return ReportPage(
        title=text,
        summary=text,
        facts=[(text, text), ("NMI", 0.871)],
        orbits=[make_view(f"{i} {text}", text, i % NUM_POSES, i + 0.5) for i in range(references)],
        compared=[make_view(f"both of {text}", text)],
        solids=[SolidView(make_view(f"solid {text}", text), text, make_cube(), facts={text: text})],
        tables=[Table(text, [text, "PSNR"], [[text, 18.13], ["none", None]], text)],
        plots=[Panel(text, picture, text, text, whole=True)],
        rings=[make_ring(text)],
        parts=[make_parts(text, text)],
        poses=[Panel(text, picture, text, text), Panel(text, picture, text, text, whole=True)],
        training=[Panel(text, picture, text, text, whole=True)],
        checkpoints=[OrbitView(text, orbit.azimuth, {text: orbit.frames})],
        listings=[Listing(text, text), Listing(text, text, folded=True)],
    )
