"""What one run made and another used is the same to W&B, without a server to ask."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from offline_runs import OfflineRun, read_runs

from mirage.tracking.artifacts import Bundle, fingerprint_of, log_bundle, use_bundle
from mirage.tracking.logger import Record, recording

pytestmark = pytest.mark.usefixtures("nobody")


@pytest.fixture
def model(tmp_path: Path) -> Bundle:
    folder = tmp_path / "run" / "model"
    (folder / "unet").mkdir(parents=True)
    files = {"index.json": folder / "index.json", "unet/weights": folder / "unet" / "weights"}
    for name, path in files.items():
        path.write_text(f"what is in {name}")
    return Bundle("model", "abcdef0123", files, {"steps": 4}, replaced=True)


def record_both(tmp_path: Path, made: Bundle, used: Bundle) -> tuple[OfflineRun, OfflineRun]:
    for stage, say, bundle in (("train", log_bundle, made), ("views", use_bundle, used)):
        with recording(Record(tmp_path / "run" / stage / "wandb", "a", stage)) as run:
            say(run, bundle)
    (one,), (other,) = (read_runs(tmp_path / "run" / stage) for stage in ("train", "views"))
    return one, other


@pytest.mark.parametrize("replaced", [True, False])
def test_the_same_content_is_the_same_artifact(
    tmp_path: Path, model: Bundle, replaced: bool
) -> None:
    """Whatever is known of where it is from; and it is kept as it was, within the run."""
    bundle = replace(model, replaced=replaced)
    one, other = record_both(tmp_path, bundle, replace(bundle, facts={}))
    (made,), (used,) = one.logged("model"), other.logged("model", used=True)
    assert made.digest == used.digest and made.name == used.name == "model-abcdef01"
    told = fingerprint_of(bundle)
    assert one.config["logs_model"] == other.config["uses_model"] == told
    for path in bundle.files.values():
        path.with_suffix(".new").write_text("of another training")
        path.with_suffix(".new").replace(path)
    assert fingerprint_of(bundle) != told
    for artifact in (made, used):
        for entry in artifact.manifest.contents:
            kept = Path(entry.local_path)
            assert kept.read_text() == f"what is in {entry.path}"
            assert kept.is_absolute() and kept.is_relative_to(tmp_path / "run" / "wandb")
    assert not (tmp_path / "home" / ".local").exists()


def test_what_is_only_ever_replaced_takes_no_room_twice(tmp_path: Path, model: Bundle) -> None:
    for run in record_both(tmp_path, model, model):
        for entry in run.artifacts[0].manifest.contents:
            assert Path(entry.local_path).samefile(model.files[entry.path])


def test_other_content_is_another_artifact(tmp_path: Path, model: Bundle) -> None:
    before = fingerprint_of(model)
    assert fingerprint_of(replace(model, facts={"steps": 5})) == before
    model.files["index.json"].write_text("another")
    assert fingerprint_of(model) != before
