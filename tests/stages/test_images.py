"""The photos of a set of shards are the same, and each there once, however many look at them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from made_up_shards import save_shards
from processes import torchrun

from mirage.cli import main


@pytest.mark.parametrize("sizes", [[7], [5, 9, 1, 6]])
def test_two_processes_look_at_every_photo_of_a_set_of_shards_once(
    tmp_path: Path, sizes: list[int]
) -> None:
    pictures = save_shards(f"file://{tmp_path}/set", sizes)
    shard = tmp_path / "set" / "cars-000000.tar"
    shard.write_bytes(shard.read_bytes().rstrip(b"\0"))  # and with it the end mark
    last = len(sizes) - 1
    words = [
        "images", "images.source=shards", "images.min_count=3",
        f"images.path=file://{tmp_path}/set/cars-{{000000..{last:06d}}}.tar",
    ]  # fmt: skip
    done = torchrun(*words, f"run={tmp_path / 'two'}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(f"images: {sum(sizes)} usable") == 1
    with pytest.raises(SystemExit) as stop:
        main([*words, f"run={tmp_path / 'one'}"])
    assert not stop.value.code
    tables = [pq.read_table(tmp_path / run / "images/manifest.parquet") for run in ("one", "two")]
    assert tables[0].equals(tables[1])
    assert tables[0]["path"].to_pylist() == list(pictures)
    for run in ("one", "two"):
        rejected = csv.DictReader((tmp_path / run / "images/rejected.csv").open())
        assert [row["file"] for row in rejected] == ["cars-000000.tar"]
        assert json.loads((tmp_path / run / "images/.stamp.json").read_text())
