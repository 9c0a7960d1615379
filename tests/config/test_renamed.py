"""Keys of earlier versions: refused where they are typed, carried over from a saved run."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirage.config import Config
from mirage.config.load import load_config, save_config
from mirage.core.errors import MirageError
from mirage.core.files import SAVED


@pytest.mark.parametrize(("front", "anchors"), [("null", {}), ("3", {3: 0.0})])
def test_a_run_from_before_there_were_anchors_is_read(
    front: str, anchors: dict[int, float], tmp_path: Path
) -> None:
    save_config(load_config([f"run={tmp_path}"]))
    saved = tmp_path / "config.yaml"
    saved.write_text(saved.read_text().replace("  anchors: {}", f"  front: {front}"))
    assert load_config([f"run={tmp_path}"]).poses.anchors == anchors


@pytest.mark.parametrize(
    ("word", "todo"),
    [
        ("train.checkpoint_every=9", "train.checkpoint_minutes"),
        ("data.workers=2", "leave it out"),
        ("views.pose_guidance=2", "views.guidance.pose.weight"),
        ("views.steps=9", "views.sampler.steps"),
        ("views.previous=1", "leave it out"),
    ],
)
def test_a_key_of_an_earlier_version_is_refused_with_what_to_do(word: str, todo: str) -> None:
    with pytest.raises(MirageError, match="is no longer a key") as refused:
        load_config([word])
    assert todo in str(refused.value) and word.split("=")[0] in str(refused.value)


def test_a_run_of_an_earlier_version_keeps_all_else(tmp_path: Path) -> None:
    old = """
        data: {workers: 2, resolution: 64}
        train: {checkpoint_every: 9, steps: 77}
        views: {pose_guidance: 3.0, hard_interval: [0.0, 1.0], reference_path: fixed_noise,
                steps: 9, share: concat, previous: 2, weak_model: null, count: 5}
    """
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / SAVED).write_text(old)
    config = load_config([f"run={tmp_path / 'run'}"])
    assert (config.train.steps, config.data.resolution) == (77, 64)
    assert config.train.checkpoint_minutes == Config().train.checkpoint_minutes
    views = config.views
    assert (views.guidance.pose.weight, views.guidance.hard.interval) == (3.0, [0.0, 1.0])
    assert (views.noise, views.attention, views.sampler.steps) == ("fixed", "concat", 9)
    assert views.count == 5
