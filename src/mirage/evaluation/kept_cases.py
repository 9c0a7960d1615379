"""Some of the objects that views are measured on, turned in every row, kept to be looked at."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from mirage.core.contracts import ByteArray, FloatArray, IntArray
from mirage.runs.folder import open_picture, read_json, save_picture, write_json

FACTS = "turned.json"


@dataclass(frozen=True)
class KeptCase:
    """One object in M rows of settings, at the same V azimuths in all.

    Attributes:
        name: of the object.
        photo: [H, W, 3] uint8, what it was turned from. photo_pose: the pose it was taken to have.
        azimuth: [V] degrees that were asked for. pose: [V] the poses there.
        rows: row → [V, H, W, 3] uint8.
        scores: row → figure → its mean over the views.
    """

    name: str
    photo: ByteArray
    photo_pose: int
    azimuth: FloatArray
    pose: IntArray
    rows: Mapping[str, ByteArray]
    scores: Mapping[str, Mapping[str, float]]

    def save(self, folder: Path) -> None:
        """As pictures, those of a row side by side in one; what they are comes last."""
        save_picture(folder / "photo.png", Image.fromarray(self.photo))
        rows = []
        for row, frames in self.rows.items():
            file = re.sub(r"\W+", "_", row) + ".png"
            save_picture(folder / file, Image.fromarray(np.concatenate(list(frames), axis=1)))
            rows.append({"row": row, "file": file, "scores": dict(self.scores[row])})
        facts = {
            "name": self.name,
            "photo_pose": self.photo_pose,
            "rows": rows,
            "azimuth": self.azimuth.tolist(),
            "pose": self.pose.tolist(),
        }
        write_json(folder / FACTS, facts)

    @classmethod
    def load(cls, folder: Path) -> KeptCase:
        """Read one that was saved.

        Raises:
            MirageError: a file is missing or damaged.
        """
        facts = read_json(folder / FACTS)
        azimuth = np.asarray(facts["azimuth"])
        rows = {
            row["row"]: np.stack(
                np.split(np.asarray(open_picture(folder / row["file"])), len(azimuth), axis=1)
            )
            for row in facts["rows"]
        }
        scores = {row["row"]: row["scores"] for row in facts["rows"]}
        photo, pose = np.asarray(open_picture(folder / "photo.png")), np.asarray(facts["pose"])
        return cls(facts["name"], photo, facts["photo_pose"], azimuth, pose, rows, scores)
