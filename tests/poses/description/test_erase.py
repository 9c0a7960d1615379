"""What is erased can no longer be read; what has nothing to do with it stays."""

from __future__ import annotations

import numpy as np
import pytest

from mirage.core.contracts import FloatArray
from mirage.poses.description.erase import colour_eraser, eraser, mean_colours, up_to_squares

RANDOM = np.random.default_rng(0)


def explained(points: FloatArray, target: FloatArray) -> float:
    """Share of the variance of [n] targets that a linear map reads from [n, D] points."""
    fit = points @ np.linalg.lstsq(points, target, rcond=None)[0]
    return float(1 - ((target - fit) ** 2).sum() / (target**2).sum())


def centred(values: FloatArray) -> FloatArray:
    return values - values.mean(axis=0)


def test_the_concept_is_gone_and_the_rest_is_as_it_was() -> None:
    concept, pose = centred(RANDOM.normal(size=(600, 2))), centred(RANDOM.normal(size=(600, 3)))
    mixed = np.concatenate([concept, pose, 0.1 * RANDOM.normal(size=(600, 3))], axis=1)
    points = centred(mixed @ RANDOM.normal(size=(8, 8)))
    left = points @ eraser(points, concept)
    assert explained(points, concept[:, 0]) > 0.95
    assert max(explained(left, concept[:, i]) for i in range(2)) < 1e-9
    assert min(explained(left, pose[:, i]) for i in range(3)) > 0.95


def test_it_moves_points_as_little_as_any_erasure_does() -> None:
    # Theorem 4.3 of the paper, against the orthogonal projection that erases, too.
    concept = centred(RANDOM.normal(size=(500, 1)))
    points = centred(RANDOM.normal(size=(500, 5)) @ RANDOM.normal(size=(5, 5)) + 0.5 * concept)
    matrix = eraser(points, concept)
    away = points.T @ concept
    away /= np.linalg.norm(away)
    moved = [((points @ m - points) ** 2).sum() for m in (matrix, np.eye(5) - away @ away.T)]
    assert moved[0] < moved[1]
    np.testing.assert_allclose(matrix @ matrix, matrix, atol=1e-9)


def test_fewer_photos_than_dimensions_do_no_harm() -> None:
    points, concept = centred(RANDOM.normal(size=(20, 50))), centred(RANDOM.normal(size=(20, 3)))
    left = points @ eraser(points, concept)
    assert np.isfinite(left).all() and explained(left, concept[:, 0]) < 1e-6


def test_colours_are_those_of_object_and_background() -> None:
    photo = np.zeros((1, 40, 40, 3), np.uint8)
    photo[:, :, :20], photo[:, :, 20:] = (255, 0, 51), (0, 102, 0)
    mask = np.zeros((1, 4, 4))
    mask[:, :, :2] = 1.0
    np.testing.assert_allclose(mean_colours(photo, mask), [[1.0, 0, 0.2, 0, 0.4, 0]], atol=1e-6)
    assert np.isfinite(mean_colours(photo, np.zeros((1, 4, 4)))).all()


def test_the_concept_holds_every_square_and_product_of_one_region() -> None:
    colours = RANDOM.random((300, 6))
    concept = up_to_squares(colours)
    assert concept.shape == (300, 18)
    np.testing.assert_allclose(concept.std(axis=0), 1.0)
    red, green = (centred(colours)[:, i] for i in (0, 1))
    assert explained(concept, centred(red * green)) == pytest.approx(1.0)
    assert explained(concept, centred(red * centred(colours)[:, 4])) < 0.2


def test_colour_is_erased_from_enough_photos_only() -> None:
    points, colours = RANDOM.normal(size=(300, 30)), RANDOM.random(size=(300, 6))
    points[:, 0] += 5 * colours[:, 1]
    matrix = colour_eraser(points, colours)
    assert matrix is not None
    assert explained(centred(points) @ matrix, centred(colours[:, 1])) < 1e-6
    assert colour_eraser(points[:150], colours[:150]) is None
