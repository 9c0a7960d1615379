"""Parts and foreground drawn over photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from mirage.core.contracts import ByteArray, FloatArray, IntArray, check_shape
from mirage.drawing.canvas import Row, Tile, beside, draw_rows, enlarge, palette, resize_map
from mirage.drawing.ring import FULL_CIRCLE, compass

_BACKGROUND = 190  # grey of the parts that are not the object
_IS_OBJECT = 0.5  # from this weight on a part counts as the object's
_SEEN = 0.5  # a photo shows a part where at least one patch is of it to this share


@dataclass(frozen=True)
class SeenPhotos:
    """B photos and what was seen in them.

    Attributes:
        photos: [B, H, W, 3] uint8.
        part_maps: [B, h, w, P], how much each patch is of each part, rows summing to 1.
        masks: [B, h, w] in [0, 1], how surely a patch is the object.
    """

    photos: ByteArray
    part_maps: FloatArray
    masks: FloatArray

    def __post_init__(self) -> None:
        num = len(self.photos)
        check_shape("photos", self.photos, (num, None, None, 3))
        check_shape("part_maps", self.part_maps, (num, None, None, None))
        check_shape("masks", self.masks, self.part_maps.shape[:3])

    def __len__(self) -> int:
        return len(self.photos)

    def first(self, count: int) -> SeenPhotos:
        """The first `count` of them."""
        return SeenPhotos(self.photos[:count], self.part_maps[:count], self.masks[:count])


def part_masks(seen: SeenPhotos, weights: FloatArray, columns: int = 3) -> Image.Image:
    """Triples of photo, parts as colours, and the photo through the foreground mask.

    Args:
        weights: [P] in [0, 1], how much a part belongs to the object.
        columns: triples a line.
    """
    colours = part_colours(seen, weights)
    tiles: list[Tile] = []
    for photo, part_map, mask in zip(seen.photos, seen.part_maps, seen.masks, strict=True):
        tiles += [
            Tile(enlarge(photo), "photo"),
            Tile(paint_parts(photo, part_map, colours), "parts"),
            Tile(fade_background(photo, mask), "foreground"),
        ]
    return draw_rows([Row("", tiles)], 3 * columns)


def part_rows(
    seen: SeenPhotos, weights: FloatArray, num_parts: int = 8, columns: int = 8
) -> Image.Image:
    """A row for each of the object's most frequent parts: photos with that part drawn over.

    Args:
        seen: photos in random order; a row shows the first ones that have the part.
        weights: [P] in [0, 1], how much a part belongs to the object.
        num_parts: rows. columns: photos a row.
    """
    mass = _mass(seen, weights)
    rows = []
    for colour, part in zip(
        palette(num_parts), frequent_parts(seen, weights, num_parts), strict=False
    ):
        maps = seen.part_maps[..., part]
        having = np.flatnonzero(maps.max(axis=(1, 2)) >= _SEEN)
        tiles = [Tile(_tint(seen.photos[i], maps[i], colour)) for i in having[:columns]]
        share = mass[part] / max(mass.sum(), 1e-12)
        title = f"part {part}\n{share:.1%} of the object\nin {len(having)} of {len(seen)} photos"
        rows.append(Row(title, tiles))
    return draw_rows(rows, columns)


def frequent_parts(seen: SeenPhotos, weights: FloatArray, num_parts: int) -> IntArray:
    """[≤ num_parts] the object's parts with most of the photos, the most frequent first."""
    return np.argsort(-_mass(seen, weights), kind="stable")[:num_parts]


def _mass(seen: SeenPhotos, weights: FloatArray) -> FloatArray:
    """[P] how much of the object in the photos is of each part."""
    check_shape("weights", weights, (seen.part_maps.shape[3],))
    mass: FloatArray = seen.part_maps.sum(axis=(0, 1, 2)) * weights
    return mass


def explain_picture(
    heading: str,
    seen: SeenPhotos,
    examples: SeenPhotos | None,
    weights: FloatArray,
    azimuth: float,
    ring: FloatArray,
    span: tuple[float, float] = FULL_CIRCLE,
) -> Image.Image:
    """Why a photo was given its pose: what was seen in it, beside examples of that pose.

    Parts that the photo and the examples share have one colour throughout, so that the same colour
    at the same place is a reason; what only one of them shows is grey, as the background is.

    Args:
        seen: the one photo. examples: photos that surely have the pose, where there are any.
        weights: [P] in [0, 1], how much a part belongs to the object.
        azimuth: of the photo, degrees. ring: [K] azimuths of the poses.
    """
    photo, part_map = seen.photos[0], seen.part_maps[0]
    colours = part_colours(seen, weights)
    if examples is not None:
        alone = np.setdiff1d(
            np.arange(len(weights)), np.intersect1d(_shown(seen), _shown(examples))
        )
        colours[alone] = _BACKGROUND
    large = enlarge(photo)
    own = [
        Tile(large, "this photo", framed=True),
        Tile(paint_parts(photo, part_map, colours), "its parts"),
        Tile(fade_background(photo, seen.masks[0]), "foreground"),
        Tile(compass(azimuth, ring, large.height, span), "its azimuth on the ring"),
    ]
    panels = [draw_rows([Row("", own)], 2)]
    if examples is not None:
        theirs = [Tile(enlarge(example), "example of the pose") for example in examples.photos]
        theirs += [
            Tile(paint_parts(example, example_map, colours), "parts shared, same colours")
            for example, example_map in zip(examples.photos, examples.part_maps, strict=True)
        ]
        panels.append(draw_rows([Row("", theirs)], len(examples)))
    return beside(panels, heading)


def compare_picture(
    heading: str,
    seen: SeenPhotos,
    poses: Sequence[tuple[str, SeenPhotos | None]],
    weights: FloatArray,
) -> Image.Image:
    """A photo and what was seen in it, above a row of examples for each pose it may have.

    Args:
        seen: the one photo.
        poses: title (a second line is muted) and photos that surely have the pose, if there are.
        weights: [P] in [0, 1], how much a part belongs to the object.
    """
    photo, part_map, mask = seen.photos[0], seen.part_maps[0], seen.masks[0]
    own = [
        Tile(enlarge(photo), "this photo", framed=True),
        Tile(paint_parts(photo, part_map, part_colours(seen, weights)), "its parts"),
        Tile(fade_background(photo, mask), "foreground"),
    ]
    rows = [Row("this photo", own)]
    for title, examples in poses:
        tiles = [] if examples is None else [Tile(enlarge(p)) for p in examples.photos]
        rows.append(Row(title, tiles, ruled=True))
    return draw_rows(rows, max(len(row.tiles) for row in rows), heading=heading)


def _shown(seen: SeenPhotos) -> IntArray:
    """The parts that some patch is most of."""
    return np.unique(seen.part_maps.argmax(axis=-1))


def part_colours(seen: SeenPhotos, weights: FloatArray) -> ByteArray:
    """[P, 3] uint8: the parts with most of the photos get the colours furthest apart.

    Parts of the background are grey, so that colours mean the object.
    """
    colours = np.empty((len(weights), 3), np.uint8)
    colours[np.argsort(-_mass(seen, weights), kind="stable")] = palette(len(weights))
    colours[np.asarray(weights) < _IS_OBJECT] = _BACKGROUND
    return colours


def paint_parts(photo: ByteArray, part_map: FloatArray, colours: ByteArray) -> Image.Image:
    """A photo [H, W, 3] in grey, coloured by the part [h, w, P] each pixel is most of."""
    large = np.asarray(enlarge(photo))
    height, width, _ = large.shape
    present = np.flatnonzero(part_map.max(axis=(0, 1)) > 0.01)  # most of many parts are elsewhere
    strength = np.stack([resize_map(part_map[:, :, p], height, width) for p in present], -1)
    painted = colours[present[strength.argmax(axis=-1)]].astype(float)
    grey = large.mean(axis=-1, keepdims=True)
    return Image.fromarray(np.round(0.68 * painted + 0.32 * grey).astype(np.uint8))


def fade_background(photo: ByteArray, mask: FloatArray) -> Image.Image:
    """A photo [H, W, 3] that pales where its foreground mask [h, w] is low."""
    large = np.asarray(enlarge(photo))
    keep = 0.12 + 0.88 * _mask_of(large, mask)
    return Image.fromarray(np.round(keep * large + (1 - keep) * 255).astype(np.uint8))


def _tint(photo: ByteArray, mask: FloatArray, colour: ByteArray) -> Image.Image:
    """A photo [H, W, 3] that is paled but where a part's mask [h, w] is, and coloured there."""
    large = np.asarray(enlarge(photo))
    strength = _mask_of(large, mask / max(float(mask.max()), _SEEN))
    pale = 0.35 * large + 0.65 * 255
    marked = 0.3 * large + 0.7 * colour.astype(float)
    return Image.fromarray(np.round(strength * marked + (1 - strength) * pale).astype(np.uint8))


def _mask_of(large: ByteArray, mask: FloatArray) -> FloatArray:
    """[H, W, 1] in [0, 1] at the size of a picture."""
    return np.clip(resize_map(mask, *large.shape[:2]), 0.0, 1.0)[:, :, None]
