"""What has nothing to do with the pose, taken out of descriptors: the colours of a photo.

Cars have any colour from any side. But descriptors tell red cars from others about as well as
fronts from rears, and a curve that winds once through the red ones and once through the others
makes photos likelier than the true one does. So what any linear map reads of colour is erased, at
the least change of the descriptors (Belrose et al. 2023, "LEACE: Perfect linear concept erasure in
closed form", theorem 4.3). Its use for poses is ours.

Once the circle is found, colour does no harm: a curve that is fitted to given azimuths has it in
its noise. Tail lamps are red, and what erasure takes with it is missed: poses are read without.
"""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
import torch
import torch.nn.functional as F

from mirage.core.contracts import ByteArray, FloatArray, check_shape

_ENOUGH = 200  # photos: fewer would lose more than colour by its erasure
_FLAT = 1e-6  # of the largest variance: directions with less hold nothing


def mean_colours(photos: ByteArray, masks: FloatArray) -> FloatArray:
    """[n, 6] mean RGB of the object and of the background, in [0, 1].

    Args:
        photos: [n, H, W, 3] uint8. masks: [n, h, w] in [0, 1], how surely a patch is the object.
    """
    check_shape("photos", photos, (len(masks), None, None, 3))
    planes = torch.from_numpy(photos).permute(0, 3, 1, 2).float() / 255.0
    patches = F.adaptive_avg_pool2d(planes, masks.shape[1:]).permute(0, 2, 3, 1).numpy()
    means = []
    for share in (masks, 1.0 - masks):
        total = np.maximum(share.sum(axis=(1, 2)), 1e-6)[:, None]
        means.append((patches * share[..., None]).sum(axis=(1, 2)) / total)
    return np.concatenate(means, axis=1)


def up_to_squares(colours: FloatArray) -> FloatArray:
    """[n, 6] → [n, 18]: as they are, and the products of any two of one region; standardised."""
    centred = colours - colours.mean(axis=0)
    products = [
        region[:, i] * region[:, j]
        for region in (centred[:, :3], centred[:, 3:])
        for i, j in combinations_with_replacement(range(3), 2)
    ]
    concept = np.concatenate([centred, np.stack(products, axis=1)], axis=1)
    concept -= concept.mean(axis=0)
    standard: FloatArray = concept / np.maximum(concept.std(axis=0), 1e-9)
    return standard


def colour_eraser(descriptors: FloatArray, colours: FloatArray) -> FloatArray | None:
    """[D, D] matrix that takes colour out of descriptors [n, D], or None for too few photos.

    Args:
        colours: [n, 6] of the same photos, as `mean_colours` has them.
    """
    if len(colours) < _ENOUGH:
        return None
    return eraser(descriptors - descriptors.mean(axis=0), up_to_squares(colours))


def eraser(points: FloatArray, concept: FloatArray) -> FloatArray:
    """[D, D] matrix that takes centred points to ones that no linear map reads the concept from.

    Args:
        points: [n, D] of mean 0. concept: [n, k] of mean 0.
    """
    points = points.astype(np.float64)
    variance, axes = np.linalg.eigh(points.T @ points / len(points))
    kept = variance > _FLAT * variance[-1]
    deviation, axes = np.sqrt(variance[kept]), axes[:, kept]
    white = points @ (axes / deviation)
    seen, strength, _ = np.linalg.svd(white.T @ concept / len(points), full_matrices=False)
    seen = seen[:, strength > _FLAT]
    erased: FloatArray = (
        np.eye(len(variance)) - (axes / deviation) @ seen @ seen.T @ (axes * deviation).T
    )
    return erased
