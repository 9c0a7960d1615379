"""A set of images in shards: its manifest, its cache, and what reading it costs."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from processes import share_out
from range_server import serve
from synthetic.shards import SIZES, save_shards

from mirage.config import ImagesConfig
from mirage.core.contracts import HELDOUT, TRAIN
from mirage.core.errors import MirageError
from mirage.datamodules.cache import build_cache, open_cache
from mirage.images.identity import source_fingerprint
from mirage.images.image_set import open_images
from mirage.images.manifest import build_manifest
from mirage.images.sources.remote import RemoteFiles


def config_of(path: str) -> ImagesConfig:
    return ImagesConfig(source="shards", path=path, min_count=3)


@pytest.mark.parametrize("world", [1, 2, 5])
def test_processes_make_one_manifest_and_read_every_photo_once(
    memory: str, tmp_path: Path, world: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = save_shards(memory, SIZES)
    asked: list[tuple[str, int]] = []
    whole = RemoteFiles.read

    def watched(self: RemoteFiles, name: str, start: int, count: int) -> bytes:
        asked.append((name, start))
        return whole(self, name, start, count)

    monkeypatch.setattr(RemoteFiles, "read", watched)
    ended = share_out(
        world, lambda ranks: build_manifest(config_of(memory), tmp_path, "all", ranks)
    )
    assert ended == [None] * world
    assert len(asked) == len(set(asked)) == len(pictures)
    images = open_images(tmp_path)
    assert list(images.path) == list(pictures)
    assert sorted([*images.ids(TRAIN), *images.ids(HELDOUT)]) == list(range(len(pictures)))


def test_an_opened_run_asks_the_store_for_nothing_but_photos(
    memory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = save_shards(memory, SIZES)
    build_manifest(config_of(memory), tmp_path)
    monkeypatch.setattr(RemoteFiles, "find", None)
    monkeypatch.setattr(RemoteFiles, "open", None)
    images = open_images(tmp_path)
    for index in (11, 2):
        (name,) = images.path[[index]]
        expected = np.asarray(Image.open(io.BytesIO(pictures[name])))
        assert np.array_equal(images.load_square(index, 32), expected)
    fsspec.filesystem("memory").store.clear()
    with pytest.raises(MirageError, match="can no longer be read") as told:
        images.load(0)
    assert told.value.where == "cars-000000.tar/000000.png"


def test_over_a_network_a_photo_costs_its_own_bytes(tmp_path: Path) -> None:
    pictures = save_shards(f"file://{tmp_path}/set", SIZES)
    with serve(tmp_path / "set") as (url, sent):
        build_manifest(config_of(f"{url}/cars-{{000000..000002}}.tar"), tmp_path / "images")
        images = open_images(tmp_path / "images")
        assert list(images.path) == list(pictures)
        sent.clear()
        images.load(9)
        assert sent == [("cars-000001.tar", len(pictures[images.path[9]]))]
        (tmp_path / "set" / "cars-000001.tar").unlink()
        with pytest.raises(MirageError, match="can no longer be read"):
            images.load(9)
    with pytest.raises(MirageError, match="cannot be read"):  # nor does the server answer
        images.load(0)


def test_a_set_that_changed_is_noticed(memory: str) -> None:
    save_shards(memory, SIZES)
    config = config_of(memory)
    seen = [source_fingerprint(config)]
    assert source_fingerprint(config) == seen[0]
    for sizes in ([*SIZES, 2], [9, 9]):
        save_shards(memory, sizes)
        seen.append(source_fingerprint(config))
    assert len(set(seen)) == 3


def test_processes_fill_the_cache_shard_by_shard(
    memory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each reads its photos in order, and a shard is read by one of them, but for those between."""
    sizes = [4, 6, 5, 5, 4, 6, 3]
    pictures = save_shards(memory, sizes)
    build_manifest(config_of(memory), tmp_path)
    images, world = open_images(tmp_path), 3
    asked: dict[int, list[int]] = {rank: [] for rank in range(world)}

    def build(ranks: Any) -> None:
        def batches(ids: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for some, pixels in images.batches(ids, 8, 4):
                asked[ranks.rank] += some.tolist()
                yield some, pixels

        build_cache(tmp_path / "cache.npy", (len(images), 8, 8, 3), "a", batches, ranks=ranks)

    assert share_out(world, build) == [None] * world
    assert sorted(i for ids in asked.values() for i in ids) == list(range(len(pictures)))
    assert all(ids == sorted(ids) for ids in asked.values())
    shards = [{images.path[i].split("/")[0] for i in ids} for ids in asked.values()]
    assert sum(map(len, shards)) <= len(sizes) + world - 1
    assert np.array_equal(open_cache(tmp_path / "cache.npy")[7], images.load_square(7, 8))


def test_a_network_that_fails_stops_the_survey_and_rejects_nothing(
    memory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = save_shards(memory, SIZES)
    store = type(fsspec.filesystem("memory"))
    with monkeypatch.context() as broken:
        broken.setattr(store, "cat_file", lambda *_, **__: 1 / 0)
        with pytest.raises(MirageError, match="ZeroDivisionError"):
            build_manifest(config_of(memory), tmp_path)
    build_manifest(config_of(memory), tmp_path)
    table = pq.read_table(tmp_path / "manifest.parquet")
    assert table["path"].to_pylist() == list(pictures)
    assert json.loads((tmp_path / "source.json").read_text())["path"] == memory
    assert not os.path.exists(tmp_path / "work")
