import numpy as np
import pytest

from mirage.core.contracts import ByteArray, FloatArray
from mirage.core.errors import MirageError
from mirage.parts.orbit_silhouette import find_orbit_silhouettes
from mirage.parts.silhouette import SIDE, find_silhouettes

VIEWS = 12


def orbit(shadow: float = 0.7) -> tuple[ByteArray, FloatArray, FloatArray]:
    """Frames of a green box with a white lid that swings over a grey wall and floor, the true
    masks, and patches of 8 × 8 that see the green alone.

    The box throws a shadow on the floor beside it.
    """
    rows, cols = np.mgrid[:SIDE, :SIDE] / SIDE
    wall = np.where(rows < 0.6, 0.75 - 0.3 * rows, 0.55)[..., None] * np.array([1.0, 0.95, 0.9])
    frames, masks, patches = [], [], []
    for view in range(VIEWS):
        middle = 0.5 + 0.18 * np.cos(2 * np.pi * view / VIEWS)
        across = np.abs(cols - middle) < 0.2
        green = across & (rows > 0.45) & (rows < 0.75)
        lid = across & (rows > 0.3) & (rows <= 0.45)
        frame = wall.copy()
        frame[(np.abs(cols - middle) < 0.28) & (rows >= 0.7) & (rows < 0.8)] *= shadow
        frame[green], frame[lid] = (0.2, 0.7, 0.2), (0.98, 0.98, 0.98)
        frames.append(np.rint(255 * frame).astype(np.uint8))
        masks.append(green | lid)
        patches.append(0.9 * green.reshape(8, 8, 8, 8).mean(axis=(1, 3)))
    return np.stack(frames), np.stack(masks).astype(float), np.stack(patches)


def likeness(found: FloatArray, true: FloatArray) -> float:
    return float(((found > 0.5) & (true > 0.5)).sum() / ((found > 0.5) | (true > 0.5)).sum())


def test_what_patches_miss_is_found_where_the_backdrop_is_hidden() -> None:
    frames, true, patches = orbit()
    alone = likeness(find_silhouettes(patches, frames), true)
    together = likeness(find_orbit_silhouettes(patches, frames), true)
    assert together > 0.9 > 0.8 > alone


def test_shadows_are_the_backdrop() -> None:
    frames, true, patches = orbit()
    found = find_orbit_silhouettes(patches, frames) > 0.5
    bright, _, _ = orbit(shadow=1.0)
    shaded = (frames != bright).any(axis=-1) & (true < 0.5)
    assert shaded.any() and found[shaded].mean() < 0.1


def test_small_views_give_masks_of_the_usual_side() -> None:
    frames, _, patches = orbit()
    found = find_orbit_silhouettes(patches, frames[:, ::2, ::2])
    assert found.shape == (VIEWS, SIDE, SIDE)
    assert 0.0 <= found.min() < 0.1 and 0.9 < found.max() <= 1.0


def test_frames_without_masks_are_refused() -> None:
    frames, _, patches = orbit()
    with pytest.raises((MirageError, ValueError), match="frames"):
        find_orbit_silhouettes(patches[:3], frames)
