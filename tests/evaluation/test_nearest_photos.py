"""The nearest training photo: of the pose asked for, of the object most alike, never held out."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic.photos import MadeUpBank, MadeUpImages, flat_photo, labels_of

from mirage.evaluation import nearest_photos
from mirage.evaluation.nearest_photos import NearestPhotos

RED, GREEN, DARK_RED = (200, 10, 10), (10, 200, 10), (150, 10, 10)
# each object from poses 0 and 1; the last two photos are held out
COLOURS = [RED, (201, 10, 10), GREEN, (10, 201, 10), (202, 10, 10), (180, 10, 10)]
POSES = np.array([0, 1, 0, 1, 0, 1])


def gather(asked: list[int], poses: np.ndarray = POSES) -> NearestPhotos:
    images, labels = MadeUpImages(COLOURS, held_out=2), labels_of(poses)
    return NearestPhotos.gather(images, labels, MadeUpBank.ring, np.array(asked), 8, seed=0)  # type: ignore[arg-type]


def shown(found: NearestPhotos, reference: tuple[int, int, int]) -> list[list[int]]:
    views = found.views(flat_photo(reference, 8))
    assert views.shape[1:] == (8, 8, 3) and views.dtype == np.uint8
    return views[:, 0, 0].tolist()


def test_each_view_is_of_its_pose_and_of_the_object_most_alike() -> None:
    found = gather([1, 0, 1])
    assert shown(found, (202, 10, 10)) == [[201, 10, 10], [200, 10, 10], [201, 10, 10]]
    assert shown(found, (60, 190, 60)) == [[10, 201, 10], [10, 200, 10], [10, 201, 10]]


def test_a_pose_without_photos_is_stood_in_for_by_its_neighbour() -> None:
    """Poses lie 90° apart: of 2 and 3 the neighbours that have photos are 1 and 0."""
    assert shown(gather([2, 3]), RED) == [[201, 10, 10], [200, 10, 10]]


def test_layout_says_nothing_of_the_object() -> None:
    """A photo half black, half red is nearest to what has such colours, wherever they stand."""
    half = flat_photo((100, 0, 0), 8)
    half[:4] = 0
    turned = NearestPhotos(
        np.stack([flat_photo((50, 0, 0), 8), half[:, ::-1].transpose(1, 0, 2)]),
        np.concatenate(
            [nearest_photos.colour_sketch(p[None]) for p in (flat_photo((50, 0, 0), 8), half)]
        ),
        [np.array([0, 1])],
    )
    assert np.array_equal(turned.views(half)[0], turned.photos[1])


def test_no_more_photos_are_read_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest_photos, "_MOST", 1)
    found = gather([0, 1])
    assert len(found.photos) == 2 and [len(rows) for rows in found.candidates] == [1, 1]
