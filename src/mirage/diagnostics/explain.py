"""Why a photo was given its pose: a picture of the parts seen in it, beside its pose's examples."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mirage.core.angles import in_degrees
from mirage.core.contracts import ByteArray, PoseLabels
from mirage.core.errors import MirageError
from mirage.core.files import as_shown
from mirage.diagnostics.pose_pictures import look_at, surest_photos
from mirage.drawing.parts import SeenPhotos, compare_picture, explain_picture
from mirage.drawing.ring import FULL_CIRCLE
from mirage.features.backbone import Backbone
from mirage.images.image_set import ImageSet
from mirage.poses.bank import PoseBank
from mirage.poses.labels import read_labels
from mirage.runs.folder import LABELS_FILE, SUMMARY_FILE, RunFolder, read_json, save_picture

FOLDER = "assign"
_EXAMPLES = 4  # photos of the pose


class Explainer:
    """Draws pictures of photos that are judged.

    The examples of a pose are the run's surest photos of it, looked at once; none where they are
    gone.
    """

    def __init__(
        self, folder: RunFolder, images: ImageSet, backbone: Backbone, bank: PoseBank
    ) -> None:
        self.target = folder.root / FOLDER  # of what `explain` draws
        self._images, self._backbone, self._bank = images, backbone, bank
        labels = read_labels(folder["poses"] / LABELS_FILE)
        self._surest = surest_photos(labels, bank.num_poses, _EXAMPLES)
        summary = read_json(folder["poses"] / SUMMARY_FILE)
        self._span = tuple(summary.get("span", FULL_CIRCLE))
        self._examples: dict[int, SeenPhotos] = {}

    def explain(self, path: Path, photo: ByteArray, found: Mapping[str, Any]) -> Path:
        """Draw one photo [H, W, 3] uint8 of the backbone's size; returns where the picture is.

        Args:
            found: its pose, azimuth (degrees), confidence and outlier flag.
        """
        heading = (
            f"{as_shown(path.name)}: pose {found['pose']} · {in_degrees(found['azimuth'])} · "
            f"confidence {found['confidence']:.2f}"
        ) + (" · outlier" if found["outlier"] else "")
        picture = explain_picture(
            heading,
            look_at(photo[None], self._backbone, self._bank),
            self._examples_of(found["pose"]),
            self._bank.encoder.weights,
            found["azimuth"],
            self._bank.ring.azimuth,
            self._span,
        )
        where = self.target / picture_name(path)
        save_picture(where, picture)
        return where

    def compare(self, where: Path, name: str, photo: ByteArray, labels: PoseLabels) -> Path:
        """Draw one photo [H, W, 3] uint8 of the backbone's size above examples of the poses in its
        soft label, and save that at `where`, which is returned.
        """
        heading = f"{as_shown(name)}: confidence {labels.confidence[0]:.2f}"
        heading += " · outlier" if labels.outlier[0] else ""
        nearest = [
            (
                f"pose {pose}\n{in_degrees(self._bank.ring.azimuth[pose])} · weight {weight:.2f}",
                self._examples_of(int(pose)),
            )
            for pose, weight in zip(labels.topk[0], labels.topk_weight[0], strict=True)
        ]
        seen = look_at(photo[None], self._backbone, self._bank)
        save_picture(where, compare_picture(heading, seen, nearest, self._bank.encoder.weights))
        return where

    def _examples_of(self, pose: int) -> SeenPhotos | None:
        ids = self._surest[pose]
        if pose not in self._examples and len(ids):
            try:
                photos = [self._images.load_square(int(i), self._backbone.size) for i in ids]
            except MirageError:  # the run's photos are gone: the photo is drawn by itself
                return None
            self._examples[pose] = look_at(np.stack(photos), self._backbone, self._bank)
        return self._examples.get(pose)


def picture_name(path: Path) -> str:
    """car.jpg → car-1f3a09bc.png: photos of one name in different folders keep apart."""
    stem = re.sub(r"[^\w.-]+", "_", path.stem)[:80]
    return f"{stem}-{hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:8]}.png"
