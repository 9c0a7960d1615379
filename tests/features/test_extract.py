from collections.abc import Iterator

import numpy as np
import torch

from mirage.features.extract import extract_features


def stream(num: int, size: int = 7) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Photo i carries i in its first pixel; ids are 1000 + i."""
    for start in range(0, num, size):
        index = np.arange(start, min(start + size, num))
        images = np.zeros((len(index), 4, 4, 3), np.uint8)
        images[:, 0, 0, 0] = index
        yield 1000 + index, images


def test_features_come_in_the_order_of_the_stream() -> None:
    def first_pixel(images: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(images[:, :1, :1]).float()

    pairs = list(extract_features(stream(20), first_pixel))  # type: ignore[arg-type]
    for ids, features in pairs:
        np.testing.assert_array_equal(features[:, 0, 0, 0].numpy(), ids - 1000)
    assert sum(len(ids) for ids, _ in pairs) == 20
