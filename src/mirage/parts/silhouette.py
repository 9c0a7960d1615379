"""A coarse mask and the photo → the object's silhouette: a random walk that stops at edges."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from scipy.sparse import coo_array, csr_array
from scipy.sparse.linalg import spsolve

from mirage.core.contracts import ByteArray, FloatArray, IntArray, check_shape

BoolArray = npt.NDArray[np.bool_]

SIDE = 64  # pixels a side, at which photos are looked at and silhouettes come out
_EDGE = 10.0  # how much an edge of mean strength stops a walker, β of Grady (2006)
_SEEPAGE = 1e-4  # conductance of the strongest edge: walkers always arrive
_INSIDE, _OUTSIDE = 0.5, 1.5  # the surest half is object; beyond 1.5 times the area is background
_AREAS = (0.02, 0.6)  # least and largest share of a photo that an object is taken to fill


def find_silhouettes(masks: FloatArray, photos: ByteArray) -> FloatArray:
    """Snap masks to the edges of their photos.

    Where a mask is surest it is believed: the surest pixels, half as many as the mask's area, are
    object, and those beyond one and a half times its area are background. A pixel between is
    object as likely as a random walker from there, whom edges of the photo hold up, comes upon the
    object first (Grady, "Random Walks for Image Segmentation", PAMI 2006).

    Args:
        masks: [B, h, w] in [0, 1], how surely a patch is the object.
        photos: [B, H, W, 3] uint8.

    Returns:
        [B, SIDE, SIDE] in [0, 1]; above 0.5 is the object.
    """
    check_shape("photos", photos, (len(masks), None, None, 3))
    surest = enlarge_masks(masks)
    areas = (surest > 0.5).mean(axis=(1, 2)).clip(*_AREAS)
    found = [
        walk(photo, *_seeds(sure, float(area)))
        for photo, sure, area in zip(shrink_photos(photos), surest, areas, strict=True)
    ]
    return np.stack(found) if found else np.empty((0, SIDE, SIDE), np.float32)


def walk(photo: FloatArray, inside: BoolArray, outside: BoolArray) -> FloatArray:
    """[S, S] probabilities that a walker from a pixel meets `inside` before `outside`.

    Args:
        photo: [S, S, 3] colours; a walker steps the more readily to a pixel the more alike it is.
        inside, outside: [S, S] bool; between them at least one pixel in all.
    """
    conductance = conductances(photo)
    known = (inside | outside).ravel()
    found = inside.ravel().astype(np.float64)
    between = np.flatnonzero(~known)
    if len(between):
        ways = conductance[between]
        laplacian = coo_array((ways.sum(axis=1), (np.arange(len(between)),) * 2)).tocsr()
        laplacian = laplacian - ways[:, between]
        found[between] = spsolve(laplacian.tocsc(), ways @ found)
    return found.reshape(inside.shape).clip(0.0, 1.0).astype(np.float32)


def boundary_contrast(silhouettes: FloatArray, photos: ByteArray) -> float:
    """Mean difference of colour, of the pixels on the two sides of the silhouettes.

    Of silhouettes [B, SIDE, SIDE] and their photos [B, H, W, 3] uint8: the better they follow the
    edges of the photos, the higher. 0 where nothing has a boundary.
    """
    colours, object_ = shrink_photos(photos), silhouettes > 0.5
    means = []
    for photo, is_object in zip(colours, object_, strict=True):
        first, second, difference = _neighbours(photo)
        crossed = is_object.ravel()[first] != is_object.ravel()[second]
        if crossed.any():
            means.append(difference[crossed].mean())
    return float(np.mean(means)) if means else 0.0


def shrink_photos(photos: ByteArray) -> FloatArray:
    """[B, H, W, 3] uint8 → [B, SIDE, SIDE, 3] in [0, 1], averaged over what a pixel covers."""
    batch = torch.from_numpy(np.ascontiguousarray(photos)).permute(0, 3, 1, 2).float() / 255.0
    small = F.interpolate(batch, (SIDE, SIDE), mode="bilinear", antialias=True)
    return small.permute(0, 2, 3, 1).contiguous().numpy()


def enlarge_masks(masks: FloatArray) -> FloatArray:
    """[B, h, w] → [B, SIDE, SIDE], bilinear."""
    batch = torch.from_numpy(np.asarray(masks, np.float32))[:, None]
    return F.interpolate(batch, (SIDE, SIDE), mode="bilinear")[:, 0].numpy()


def _seeds(sure: FloatArray, area: float) -> tuple[BoolArray, BoolArray]:
    """What is surely object and surely background where the object fills the share `area`."""
    order = np.argsort(-sure, axis=None, kind="stable")
    inside, outside = np.zeros(sure.shape, bool), np.zeros(sure.shape, bool)
    inside.flat[order[: round(_INSIDE * area * sure.size)]] = True
    outside.flat[order[round(_OUTSIDE * area * sure.size) :]] = True
    return inside, outside


def conductances(photo: FloatArray) -> csr_array:
    """[S², S²] symmetric, how readily a walker steps from a pixel to its neighbours."""
    first, second, difference = _neighbours(photo)
    squared = difference**2
    ease = np.exp(-_EDGE * squared / max(float(squared.mean()), 1e-12)) + _SEEPAGE
    pairs = (np.concatenate([first, second]), np.concatenate([second, first]))
    size = photo.shape[0] * photo.shape[1]
    return coo_array((np.concatenate([ease, ease]), pairs), shape=(size, size)).tocsr()


def _neighbours(photo: FloatArray) -> tuple[IntArray, IntArray, FloatArray]:
    """Pairs of neighbouring pixels, of eight each: the first, the second, how colours differ."""
    place = np.arange(photo.shape[0] * photo.shape[1]).reshape(photo.shape[:2])
    pairs = [
        (place[:, :-1], place[:, 1:]),
        (place[:-1], place[1:]),
        (place[:-1, :-1], place[1:, 1:]),
        (place[:-1, 1:], place[1:, :-1]),
    ]
    first = np.concatenate([one.ravel() for one, _ in pairs])
    second = np.concatenate([other.ravel() for _, other in pairs])
    flat = photo.reshape(-1, 3)
    return first, second, np.linalg.norm(flat[first] - flat[second], axis=1)
