"""How well an autoencoder keeps photos that it never saw: figures, a table and a picture.

Beside it stands what needs no training: the photo shrunk to as many numbers as the latents are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from mirage.core.contracts import ByteArray, FloatArray
from mirage.core.progress import show_progress
from mirage.distributed.device import device
from mirage.drawing.canvas import Row, Tile, draw_rows, enlarge
from mirage.drawing.tables import Table, metric_table
from mirage.features.backbone import Backbone
from mirage.metrics import views as metrics
from mirage.metrics.intervals import bootstrap
from mirage.metrics.registry import AUTOENCODER
from mirage.model.codec import Latents, downscale, encode

SHRUNK = "shrunk to as many numbers"
_AT_ONCE = 8  # photos
_SHOWN = 8  # of each set


def plain_codec(autoencoder: Any, size: int, where: str) -> Latents:
    """The autoencoder's latents of photos of `size`, as they come: mean 0, deviation 1.

    Raises:
        MirageError: it does not take such photos; says so at `where`.
    """
    factor = downscale(autoencoder, size, where)
    channels = encode(autoencoder, torch.zeros(1, 3, size, size)).shape[1]
    return Latents(autoencoder, factor, [0.0] * channels, [1.0] * channels, 1.0)


def through_codec(codec: Latents, photos: ByteArray) -> ByteArray:
    """[N, H, W, 3] uint8 → the same by way of latents, as they are kept for training."""
    parts = np.array_split(photos, -(-len(photos) // _AT_ONCE))
    shown = []
    for part in show_progress(parts, "reconstruct", len(parts)):
        images = torch.from_numpy(np.array(part, order="C")).to(device())
        shown.append(codec.show(codec.load(codec.keep(images))).cpu().numpy())
    return np.concatenate(shown)


def shrink(photos: ByteArray, codec: Latents) -> ByteArray:
    """[N, H, W, 3] uint8, shrunk to as many numbers as the latents are and enlarged again."""
    _, height, width, _ = photos.shape
    scale = np.sqrt(codec.channels / 3) / codec.factor
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    lanczos = Image.Resampling.LANCZOS
    return np.stack(
        [
            np.asarray(
                Image.fromarray(photo).resize(small, lanczos).resize((width, height), lanczos)
            )
            for photo in photos
        ]
    )


def figures_of(photos: ByteArray, again: ByteArray, backbone: Backbone | None) -> dict[str, Any]:
    """PSNR, SSIM and feature distance of [N, H, W, 3] uint8: means, and 95% intervals of them.

    Args:
        backbone: None leaves the feature distance out.
    """
    values: dict[str, FloatArray] = {
        "psnr": metrics.psnr(again, photos),
        "ssim": metrics.ssim(again, photos),
    }
    if backbone is not None:
        parts = zip(
            *(np.array_split(x, -(-len(x) // _AT_ONCE)) for x in (again, photos)), strict=True
        )
        values["feature_distance"] = np.concatenate(
            [metrics.feature_distance(backbone(one), backbone(other)) for one, other in parts]
        )
    found: dict[str, Any] = {name: float(value.mean()) for name, value in values.items()}
    if len(photos) > 1:
        bounds = {name: bootstrap(value, 0) for name, value in values.items()}
        found["intervals"] = {n: {"low": b.low, "high": b.high} for n, b in bounds.items()}
    return found


def table_of(rows: Sequence[dict[str, Any]], size: int) -> Table:
    """A row a set of photos."""
    named = [((row["photos"], row["count"]), row) for row in rows]
    (table,) = metric_table(
        f"Reconstruction, {size} px",
        AUTOENCODER,
        named,
        "In brackets: 95% intervals over photos.",
        named=("photos", "count"),
    )
    return table


def draw_reconstructions(sets: Sequence[tuple[str, ByteArray, ByteArray]]) -> Image.Image:
    """Of each set its first photos, and below them what becomes of them.

    Args:
        sets: (name, photos, reconstructions), [N, H, W, 3] uint8 each.
    """
    rows: list[Row] = []
    for name, photos, again in sets:
        lines = ((f"{name}\nphotos", photos), ("\nthrough latents", again))
        for title, pictures in lines:
            tiles = [Tile(enlarge(picture)) for picture in pictures[:_SHOWN]]
            rows.append(Row(title, tiles, ruled=pictures is photos and bool(rows)))
    return draw_rows(rows, _SHOWN)
