"""Stream photos through a backbone: features are yielded batch by batch and never kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from torch import Tensor

from mirage.core.contracts import ByteArray, IntArray
from mirage.features.backbone import Backbone

ImageBatch = tuple[IntArray, ByteArray]  # ids [B], photos [B, H, W, 3] uint8


def extract_features(
    batches: Iterable[ImageBatch], backbone: Backbone
) -> Iterator[tuple[IntArray, Tensor]]:
    """Yield (ids [B], patch features [B, h, w, C] fp32 of unit length) in the order given."""
    for ids, images in batches:
        yield ids, backbone(images)
