"""The views of an object, and the folder that they are kept in: pictures, films and JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from mirage.config import ViewsConfig
from mirage.core.angles import circular_distance
from mirage.core.contracts import ByteArray, FloatArray, IntArray, Orbit, PoseLabels
from mirage.core.errors import MirageError
from mirage.drawing.films import save_gif, save_mp4
from mirage.drawing.panels import contact_sheet
from mirage.generation.best_of import Scores
from mirage.generation.references import Reference
from mirage.metrics.views import colour_distance
from mirage.runs.folder import VIEWS_FILE, open_picture, read_json, write_json

SHEET = "contact_sheet.png"


@dataclass(frozen=True)
class Views:
    """V views of an object, and how good they are.

    Attributes:
        reference: the object, as the photos of it were read.
        orbit: the views as they were sampled.
        found: [V] what the bank reads in them: pose, azimuth, confidence, outlier.
        samples: scores of all samples of each view; None where only one was made.
    """

    reference: Reference
    orbit: Orbit
    found: PoseLabels
    samples: Scores | None = None

    @property
    def images(self) -> list[Image.Image]:
        """V pictures, RGB, square, of the model's resolution."""
        return [Image.fromarray(frame) for frame in self.frames]

    @property
    def frames(self) -> ByteArray:
        """[V, H, W, 3] uint8, the same views."""
        return self.orbit.frames

    @property
    def azimuth(self) -> FloatArray:
        """[V] degrees in [0, 360) on the run's ring that were asked for."""
        return self.orbit.azimuth

    @property
    def pose(self) -> IntArray:
        """[V] poses asked for, in [0, K)."""
        return self.orbit.pose

    @property
    def azimuth_error(self) -> FloatArray:
        """[V] degrees in [0, 180] from the azimuth asked for to the one found; less is better."""
        return circular_distance(self.found.azimuth, self.azimuth)

    @property
    def colour_distance(self) -> FloatArray:
        """[V] in [0, 1], how far a view's colours are from the photo's; less is better."""
        return colour_distance(self.orbit.reference, self.frames)


def is_made(target: Path, key: str) -> bool:
    """Whether a folder holds the views of this key."""
    try:
        return bool(read_json(target / VIEWS_FILE)["key"] == key)
    except (MirageError, KeyError):
        return False


def save_views(made: Views, config: ViewsConfig, target: Path, key: str) -> None:
    """One folder: frames, GIF, MP4, contact sheet, and last of all views.json."""
    reference, orbit, found, scores = made.reference, made.orbit, made.found, made.samples
    target.mkdir(parents=True, exist_ok=True)
    (target / VIEWS_FILE).unlink(missing_ok=True)  # first: without it nothing else counts
    for stale in target.glob("*.*"):
        stale.unlink()
    Image.fromarray(orbit.reference).save(target / "reference.png")
    for i, photo in enumerate(reference.photos[1:], start=2):
        Image.fromarray(photo.pixels).save(target / f"reference_{i}.png")
    names = [f"view_{i:03d}.png" for i in range(len(orbit.frames))]
    for name, frame in zip(names, orbit.frames, strict=True):
        Image.fromarray(frame).save(target / name)
    save_gif(orbit.frames, target / "orbit.gif")
    save_mp4(orbit.frames, target / "orbit.mp4")
    contact_sheet([orbit], len(orbit.frames)).save(target / SHEET)
    views = [
        {
            "file": name,
            "azimuth_asked": float(orbit.azimuth[i]),
            "pose_asked": int(orbit.pose[i]),
            "azimuth_found": float(found.azimuth[i]),
            "pose_found": int(found.pose[i]),
            "confidence": float(found.confidence[i]),
        }
        for i, name in enumerate(names)
    ]
    facts = {
        "key": key,
        "reference": reference.path,
        "photos": [{"pose": p.pose, "azimuth": p.azimuth} for p in reference.photos],
        "reference_pose": reference.first.pose,
        "reference_azimuth": reference.first.azimuth,
        "reference_confidence": reference.confidence,
        "reference_outlier": reference.outlier,
        "forwards": orbit.num_forwards,
        "best_of": None
        if scores is None
        else {
            "chosen": scores.total.argmax(axis=0).tolist(),
            "azimuth_error": scores.azimuth_error.tolist(),
            "colour_distance": scores.colour_distance.tolist(),
        },
        "seed": config.seed,
        "mode": config.mode,
        "settings": asdict(config),
        "views": views,
    }
    write_json(target / VIEWS_FILE, facts)


def read_orbit(target: Path) -> Orbit:
    """The orbit that a finished folder holds.

    Raises:
        MirageError: a file is missing or damaged.
    """
    facts = read_json(target / VIEWS_FILE)
    views = facts["views"]
    return Orbit(
        reference=np.asarray(open_picture(target / "reference.png")),
        frames=np.stack([np.asarray(open_picture(target / view["file"])) for view in views]),
        azimuth=np.asarray([view["azimuth_asked"] for view in views]),
        pose=np.asarray([view["pose_asked"] for view in views]),
        reference_pose=int(facts["reference_pose"]),
    )
