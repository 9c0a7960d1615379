"""Parts over photos: what is coloured, what is grey, and what fades."""

import numpy as np
import pytest

from mirage.drawing import canvas, parts

WEIGHTS = np.array([1.0, 0.0])


def solid(colour: tuple[int, int, int], side: int = 32) -> np.ndarray:
    return np.full((side, side, 3), colour, dtype=np.uint8)


def see(image: np.ndarray, *part_maps: np.ndarray) -> parts.SeenPhotos:
    """The same image, seen with each of the part maps; the first part is the object."""
    maps = np.stack(part_maps)
    return parts.SeenPhotos(np.stack([image] * len(maps)), maps, maps[..., 0])


def test_foreground_keeps_the_object_and_fades_the_rest() -> None:
    image = solid((200, 0, 0), 96)
    part_map = np.zeros((8, 8, 2))
    part_map[:, :4, 0] = 1.0  # the object, on the left
    part_map[:, 4:, 1] = 1.0
    picture = parts.part_masks(see(image, part_map), WEIGHTS, columns=1)
    pixels = np.asarray(picture).astype(int)
    top = canvas.MARGIN + 48
    painted = canvas.MARGIN + 96 + canvas.GAP
    faded = painted + 96 + canvas.GAP
    assert tuple(pixels[top, faded + 10]) == (200, 0, 0)
    assert pixels[top, faded + 85].min() > 200
    red, green, blue = pixels[top, painted + 85]
    assert abs(green - blue) <= 1 and abs(red - green) <= 1  # background parts are grey
    assert np.ptp(pixels[top, painted + 10]) > 60


def one_part(part: int, num_parts: int = 4) -> np.ndarray:
    """A part map with one patch of a part, the rest being the last part."""
    part_map = np.zeros((8, 8, num_parts))
    part_map[..., -1] = 1.0
    part_map[3, 3] = np.eye(num_parts)[part]
    return part_map


def test_the_most_frequent_parts_get_colours_and_background_is_grey() -> None:
    seen = see(solid((9, 9, 9)), one_part(1), one_part(1), one_part(0))
    colours = parts.part_colours(seen, np.array([1.0, 1.0, 1.0, 0.1]))
    first = canvas.palette(4)
    # part 1 is seen twice, part 0 once, part 3 everywhere, but it is not the object
    order = [tuple(colours[p]) for p in (1, 0)]
    assert len(set(order)) == 2 and set(order) < {tuple(c) for c in first}
    assert np.ptp(colours[3]) == 0 and colours[:3].std(axis=1).min() > 10


def test_part_rows_mark_their_part_and_skip_photos_without_it() -> None:
    seen = see(solid((120, 120, 120), 96), one_part(0), one_part(0), one_part(1))
    picture = np.asarray(parts.part_rows(seen, np.array([1.0, 1.0, 1.0, 0.0]), num_parts=2))
    spots = np.ptp(picture.astype(int), axis=-1) > 60
    rows = np.flatnonzero(spots.any(axis=1))
    assert len(np.flatnonzero(np.diff(rows) > 20)) == 1  # two rows, a part each
    two, one = spots[: picture.shape[0] // 2].sum(), spots[picture.shape[0] // 2 :].sum()
    assert two > 1.5 * one > 0  # part 0 in two photos, part 1 in one


def test_an_explanation_colours_only_what_photo_and_examples_share() -> None:
    grey = solid((120, 120, 120), 96)
    weights = np.array([1.0, 1.0, 1.0, 0.0])

    def colourful(examples: parts.SeenPhotos | None) -> int:
        picture = parts.explain_picture(
            "car.jpg", see(grey, one_part(0)), examples, weights, 200.0, np.arange(0, 360, 30.0)
        )
        pixels = np.asarray(picture).astype(int)
        right_of_frame = canvas.MARGIN + 96 + 4
        return int((np.ptp(pixels[: 34 + canvas.MARGIN + 96, right_of_frame:], axis=-1) > 60).sum())

    shared, not_shared = colourful(see(grey, one_part(0))), colourful(see(grey, one_part(1)))
    assert shared > 0 and not_shared == 0
    assert colourful(None) > 0  # without examples, all that was seen


def test_a_photo_stands_above_examples_of_each_pose_it_may_have() -> None:
    weights = np.array([1.0, 1.0, 1.0, 0.0])
    colours = [(200, 0, 0), (0, 200, 0), (0, 0, 200)]
    photo, first, second = (see(solid(colour, 96), one_part(0)) for colour in colours)
    poses = [("pose 3\n40° · weight 0.7", first), ("pose 1", second), ("pose 0", None)]
    pixels = np.asarray(parts.compare_picture("car.jpg", photo, poses, weights))
    tops = [np.flatnonzero((pixels == colour).all(-1).any(1)).min() for colour in colours]
    assert tops == sorted(tops) and np.diff(tops).min() > 96
    assert all(int((pixels == colour).all(-1).sum()) >= 96 * 96 for colour in colours[1:])


def test_what_was_seen_must_fit_together() -> None:
    with pytest.raises(ValueError, match="masks"):
        parts.SeenPhotos(np.zeros((1, 8, 8, 3), np.uint8), np.zeros((1, 4, 4, 2)), np.zeros((1, 4)))
