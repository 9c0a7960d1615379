"""The pixel cache: built once, resumed where it stopped, rebuilt when the photos change."""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from processes import share_out

from mirage.datamodules.cache import build_cache, open_cache

NUM, SIZE = 10, 4


class Photos:
    """Yields pictures in batches of three, counts what was read, and can break half-way."""

    def __init__(self, offset: int = 0, break_after: int = NUM) -> None:
        self.offset, self.break_after = offset, break_after
        self.read: list[int] = []

    def expected(self) -> np.ndarray:
        values = np.arange(NUM, dtype=np.uint8) + self.offset
        return np.broadcast_to(values[:, None, None, None], (NUM, SIZE, SIZE, 3))

    def __call__(self, ids: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for start in range(0, len(ids), 3):
            part = ids[start : start + 3]
            if len(self.read) >= self.break_after:
                raise KeyboardInterrupt
            self.read += part.tolist()
            yield part, self.expected()[part]


def build(path: Path, photos: Photos, key: str = "a", size: int = SIZE) -> None:
    build_cache(path, (NUM, size, size, 3), key, photos)


def test_a_cache_holds_every_image_and_is_built_once(tmp_path: Path) -> None:
    path, photos, again = tmp_path / "deep" / "cache.npy", Photos(), Photos()
    build(path, photos)
    pixels = open_cache(path)
    assert np.array_equal(pixels, photos.expected()) and pixels.dtype == np.uint8
    assert not pixels.flags.writeable
    build(path, again)
    assert again.read == []


def test_an_interrupted_build_goes_on_without_rereading(tmp_path: Path) -> None:
    path, first, second = tmp_path / "cache.npy", Photos(break_after=6), Photos()
    with pytest.raises(KeyboardInterrupt):
        build(path, first)
    assert first.read == [0, 1, 2, 3, 4, 5]
    build(path, second)
    assert second.read == [6, 7, 8, 9]
    assert np.array_equal(open_cache(path), second.expected())


def test_other_photos_or_another_size_are_read_anew(tmp_path: Path) -> None:
    path, other = tmp_path / "cache.npy", Photos(offset=100)
    build(path, Photos())
    build(path, other, key="b")
    assert other.read == list(range(NUM))
    assert np.array_equal(open_cache(path), other.expected())


def test_an_interrupted_rebuild_does_not_pass_for_the_earlier_cache(tmp_path: Path) -> None:
    path, back = tmp_path / "cache.npy", Photos()
    build(path, Photos())
    with pytest.raises(KeyboardInterrupt):
        build(path, Photos(offset=100, break_after=0), key="b")
    build(path, back)  # the first photos again
    assert np.array_equal(open_cache(path), back.expected())


def test_a_lost_file_is_built_again(tmp_path: Path) -> None:
    path, again = tmp_path / "cache.npy", Photos()
    build(path, Photos())
    path.unlink()
    build(path, again)
    assert np.array_equal(open_cache(path), again.expected())


def build_together(path: Path, world: int, break_after: int = NUM) -> list[Photos]:
    photos = [Photos(break_after=break_after) for _ in range(world)]
    share_out(
        world,
        lambda ranks: build_cache(path, (NUM, SIZE, SIZE, 3), "a", photos[ranks.rank], ranks=ranks),
    )
    return photos


@pytest.mark.parametrize("world", [2, 3, 12])
def test_processes_read_every_image_once_between_them(tmp_path: Path, world: int) -> None:
    path = tmp_path / "cache.npy"
    photos = build_together(path, world)
    assert sorted(i for one in photos for i in one.read) == list(range(NUM))
    assert max(len(one.read) for one in photos) <= -(-NUM // world)
    assert np.array_equal(open_cache(path), photos[0].expected())


def test_what_some_processes_left_others_finish(tmp_path: Path) -> None:
    path = tmp_path / "cache.npy"
    first = build_together(path, 2, break_after=3)
    read = [i for one in first for i in one.read]
    second = build_together(path, 3)
    assert 0 < len(read) < NUM
    assert sorted(read + [i for one in second for i in one.read]) == list(range(NUM))
    assert np.array_equal(open_cache(path), second[0].expected())


def test_commands_that_want_one_cache_build_it_once(tmp_path: Path) -> None:
    """Jobs of a sweep share the folder of their images, and may run at once."""
    path, read = tmp_path / "cache.npy", []
    begun = threading.Event()

    class Slow(Photos):
        def __call__(self, ids: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
            begun.set()
            time.sleep(0.3)
            read.extend(ids.tolist())
            yield from super().__call__(ids)

    first = threading.Thread(target=build, args=(path, Slow()))
    first.start()
    begun.wait()
    build(path, Slow())
    assert not (set(range(NUM)) - set(read)) and len(read) == NUM
    np.testing.assert_array_equal(open_cache(path), Slow().expected())
    first.join()


def test_a_row_that_a_full_disk_cuts_short_is_not_taken_for_whole(tmp_path: Path) -> None:
    """Files that may not grow past a place take what comes before it, as full disks do."""
    path, photos = tmp_path / "cache.npy", Photos()
    former = resource.getrlimit(resource.RLIMIT_FSIZE)

    def until_full(ids: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for part, pixels in photos(ids):
            if NUM - 1 in part:
                room = path.stat().st_size - pixels[0].nbytes // 2
                resource.setrlimit(resource.RLIMIT_FSIZE, (room, former[1]))
            yield part, pixels

    try:
        with pytest.raises(OSError):
            build_cache(path, (NUM, SIZE, SIZE, 3), "a", until_full)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)
    build(path, Photos())
    assert np.array_equal(open_cache(path), photos.expected())
