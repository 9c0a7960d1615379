"""What a person looks through on the page: the photos of each pose, and the parts in photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from mirage.core.angles import in_degrees
from mirage.core.contracts import ByteArray, FloatArray, IntArray, check_shape
from mirage.drawing.canvas import palette
from mirage.drawing.ring import spread
from mirage.drawing.tables import format_cell

_RADIUS = 42.0  # of the ring, percent of its box
_WIDEST = 24.0  # degrees of the ring that a thumbnail takes at most
_OPACITY = 0.75  # of a part drawn over a photo
_FADE = 0.85  # how far the background pales


@dataclass(frozen=True)
class PoseBrowser:
    """The ring of K poses; a pose picked shows its photos.

    Attributes:
        azimuth: [K] degrees. counts: [K] photos a pose.
        thumbnails: [K, H, W, 3] uint8, what stands for a pose on the ring.
        photos: [K] arrays [M, H, W, 3] uint8, some photos of each.
        parents: [K] the coarse pose that each is in; empty where there is one level.
        title: told apart from others on the page by this.
        command: to which the page adds azimuths that a person gives poses; empty: nobody is asked.
    """

    azimuth: FloatArray
    counts: IntArray
    thumbnails: ByteArray
    photos: Sequence[ByteArray]
    parents: Sequence[int] = ()
    title: str = ""
    command: str = ""

    def __post_init__(self) -> None:
        num_poses = len(self.azimuth)
        check_shape("counts", self.counts, (num_poses,))
        check_shape("thumbnails", self.thumbnails, (num_poses, None, None, 3))
        if len(self.photos) != num_poses:
            raise ValueError(f"photos of {len(self.photos)} poses, expected {num_poses}")

    def context(self) -> dict[str, object]:
        """What the template is told: poses in the order of the ring, places in percent."""
        num_poses = len(self.azimuth)
        apart = min(_WIDEST, 345.0 / max(num_poses, 1))
        angles = np.radians(spread(np.asarray(self.azimuth, float), apart))
        return {
            "title": self.title,
            "command": self.command,
            "count": int(np.sum(self.counts)),
            "side": f"{1.92 * _RADIUS * np.sin(np.radians(apart / 2)):.3f}%",
            "poses": [
                {
                    "id": int(pose),
                    "words": self._words(int(pose)),
                    "left": f"{50 + _RADIUS * np.sin(angles[pose]):.3f}%",
                    "top": f"{50 - _RADIUS * np.cos(angles[pose]):.3f}%",
                    "thumbnail": Image.fromarray(self.thumbnails[pose]),
                    "photos": [Image.fromarray(photo) for photo in self.photos[pose]],
                }
                for pose in np.argsort(self.azimuth)
            ],
        }

    def _words(self, pose: int) -> str:
        count = int(self.counts[pose])
        words = f"pose {pose} · {in_degrees(self.azimuth[pose])} · {format_cell(count)} photos"
        return f"{words} · in coarse pose {self.parents[pose]}" if len(self.parents) else words


@dataclass(frozen=True)
class PartBrowser:
    """B photos over which Q parts and the foreground can be laid.

    Attributes:
        photos: [B, H, W, 3] uint8.
        part_maps: [B, h, w, Q] uint8, 255 where a patch is all of that part.
        masks: [B, h, w] uint8, 255 where a patch is surely the object.
        names: [Q] of the parts.
        title: told apart from others on the page by this.
    """

    photos: ByteArray
    part_maps: ByteArray
    masks: ByteArray
    names: Sequence[str]
    title: str = ""

    def __post_init__(self) -> None:
        num = len(self.photos)
        check_shape("photos", self.photos, (num, None, None, 3))
        check_shape("part_maps", self.part_maps, (num, None, None, len(self.names)))
        check_shape("masks", self.masks, self.part_maps.shape[:3])

    def context(self) -> dict[str, object]:
        """What the template is told; a layer is a picture stretched over its photo."""
        colours = palette(len(self.names))
        white = np.full(3, 255, np.uint8)
        return {
            "title": self.title,
            "parts": [
                (name, f"rgb({r} {g} {b})")
                for name, (r, g, b) in zip(self.names, colours.tolist(), strict=True)
            ],
            "photos": [
                {
                    "picture": Image.fromarray(photo),
                    "background": _layer(255 - mask, white, _FADE),
                    "layers": [
                        _layer(part_map[..., i], colour, _OPACITY)
                        for i, colour in enumerate(colours)
                    ],
                }
                for photo, part_map, mask in zip(
                    self.photos, self.part_maps, self.masks, strict=True
                )
            ],
        }


def _layer(strength: ByteArray, colour: ByteArray, opacity: float) -> Image.Image:
    """One colour [3], as opaque as strength [h, w] says."""
    alpha = np.round(opacity * strength).astype(np.uint8)
    colours = np.broadcast_to(colour, (*strength.shape, 3))
    return Image.fromarray(np.concatenate([colours, alpha[..., None]], axis=-1))
