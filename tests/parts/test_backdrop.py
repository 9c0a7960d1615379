"""A plain backdrop: the object stays, the rest is one colour."""

import numpy as np

from mirage.parts.backdrop import plain_background


def test_the_object_stays_and_the_rest_takes_the_borders_median() -> None:
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    photo[[0, -1]] = photo[:, [0, -1]] = (10, 200, 30)
    photo[0, :5] = 255  # a few odd pixels of the border do not count
    silhouette = np.zeros((64, 64), np.float32)
    silhouette[16:48, 20:40] = 0.9
    silhouette[50:60, 50:60] = 0.4  # not surely enough the object
    kept = photo.copy()
    plain = plain_background(photo, silhouette)
    assert np.array_equal(plain[9:23, 11:19], photo[9:23, 11:19])
    outside = np.ones((32, 32), bool)
    outside[7:25, 9:21] = False
    assert (plain[outside] == (10, 200, 30)).all()
    assert plain.dtype == np.uint8 and np.array_equal(photo, kept)


def test_nothing_but_object_is_left_as_it_is() -> None:
    photo = np.random.default_rng(1).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    assert np.array_equal(plain_background(photo, np.ones((64, 64))), photo)
