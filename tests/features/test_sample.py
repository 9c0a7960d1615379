from collections.abc import Iterator

import numpy as np
import pytest
import torch

from mirage.errors import MirageError
from mirage.features.extract import extract_features
from mirage.features.sample import sample_features


class Marker:
    """A backbone whose features are the first pixel of the photo; counts the photos it is shown."""

    grid = (2, 2)

    def __init__(self) -> None:
        self.num_seen = 0

    def __call__(self, images: np.ndarray) -> torch.Tensor:
        self.num_seen += len(images)
        value = torch.as_tensor(images[:, 0, 0, :]).float()
        return value[:, None, None, :].expand(-1, 2, 2, -1).clone()


def stream(num: int, size: int = 7) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Photo i carries i in its first pixel; ids are 1000 + i."""
    for start in range(0, num, size):
        index = np.arange(start, min(start + size, num))
        images = np.zeros((len(index), 4, 4, 3), np.uint8)
        images[:, 0, 0, 0], images[:, 0, 0, 1] = index % 256, index // 256
        yield 1000 + index, images


def index_of(features: np.ndarray) -> np.ndarray:
    return (features[:, 0, 0, 0] + 256 * features[:, 0, 0, 1]).astype(int)


def test_everything_is_kept_while_there_is_room() -> None:
    sample = sample_features(stream(30), Marker(), num_patches=4 * 50, seed=0)  # type: ignore[arg-type]
    assert sample.num_seen == 30
    assert sorted(sample.row_of) == list(range(1000, 1030))
    np.testing.assert_array_equal(index_of(sample.features), np.arange(30))


def test_a_full_sample_keeps_the_features_of_the_ids_it_names() -> None:
    marker = Marker()
    sample = sample_features(stream(900), marker, num_patches=4 * 40, seed=1)  # type: ignore[arg-type]
    assert len(sample.features) == len(sample.row_of) == 40
    for image_id, row in sample.row_of.items():
        assert index_of(sample.features[row : row + 1])[0] == image_id - 1000
    assert marker.num_seen < 300  # only photos that enter the sample pass through the network


def test_all_photos_are_equally_likely_to_be_kept() -> None:
    kept = [
        image_id - 1000
        for seed in range(60)
        for image_id in sample_features(stream(200), Marker(), 4 * 20, seed).row_of  # type: ignore[arg-type]
    ]
    counts = np.bincount(np.array(kept) // 50, minlength=4)
    assert counts.sum() == 60 * 20
    # 300 expected a quarter, standard deviation about 15.
    assert (np.abs(counts - 300) < 60).all()


def test_no_photos_is_told() -> None:
    with pytest.raises(MirageError, match="no photos"):
        sample_features(iter(()), Marker(), 100, 0)  # type: ignore[arg-type]


def test_features_come_in_the_order_of_the_stream() -> None:
    pairs = list(extract_features(stream(20), Marker()))  # type: ignore[arg-type]
    for ids, features in pairs:
        np.testing.assert_array_equal(index_of(features.numpy()), ids - 1000)
    assert sum(len(ids) for ids, _ in pairs) == 20
