"""Paths and names are what was typed, in one command and in a sweep."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirage.config import Config
from mirage.config.load import config_words, load_config, save_config
from mirage.config.overrides import flat_values, known_keys, read_override
from mirage.core.errors import MirageError
from mirage.sweeps.multirun import load_multirun

ODD = [
    "2024_05_01",
    "007",
    "12:30",
    "on",
    "~x",
    "1e3",
    "null ",
    "runs/mine #2",
    "Müller",
    "a, b",
    "it's",
    "c\\d\\",
    "[front] {2}",
    "(a=b)",
    "'quoted'",
    "'a','b",
    "a&b: c",
    "%s",
    "!x",
    "- y",
]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("typed", ODD)
def test_a_path_is_what_was_typed(typed: str) -> None:
    config = load_config([f"run={typed}", f"images.path={typed}", f"pretrained={typed}"])
    assert (config.run, config.images.path, config.pretrained) == (typed, typed, typed)
    save_config(config)
    assert load_config([f"run={typed}"]) == config
    assert load_config(config_words(config)) == config


@pytest.mark.parametrize("typed", ODD)
def test_a_path_of_a_sweep_is_what_was_typed(typed: str) -> None:
    jobs = load_multirun(["poses.count=6,12", f"run={typed}", f"images.path={typed}"]).jobs
    assert [job.config.images.path for job in jobs] == [typed, typed]
    assert [job.config.run for job in jobs] == [f"{typed}/poses.count={k}" for k in (6, 12)]


def test_several_paths_of_a_sweep_are_told_apart() -> None:
    for words in (
        ["images.path=choice('a, b',c)"],
        ["images.path='a, b','c'"],
        ["+sweep.grid={images.path:['a, b',c]}"],
    ):
        assert [job.config.images.path for job in load_multirun(words).jobs] == ["a, b", "c"]


def test_what_is_text_and_no_path_is_swept_by_commas() -> None:
    jobs = load_multirun(["views.mode=soft, hard", "group=Müller"]).jobs
    assert [(job.config.views.mode, job.config.group) for job in jobs] == [
        ("soft", "Müller"),
        ("hard", "Müller"),
    ]


def test_paths_of_a_list_are_text_too() -> None:
    words = ["autoencoder.others=[007, 2024_05_01, 'a, b', Müller]"]
    others = ["007", "2024_05_01", "a, b", "Müller"]
    assert load_config(words).autoencoder.others == others
    (job, *_) = load_multirun([*words, "poses.count=6,12"]).jobs
    assert job.config.autoencoder.others == others
    assert load_config(config_words(load_config(words))).autoencoder.others == others


def test_nothing_can_be_said_of_what_may_be_nothing_alone() -> None:
    config = load_config(["images.path=a", "pretrained=null", "images.path=null"])
    assert config.images.path is None and config.pretrained is None
    assert load_config(["run=null"]).run == "null"
    with pytest.raises(MirageError, match="run is given no value"):
        read_override("run=")


def test_the_home_folder_may_be_written_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    keys = [key for key, kind in known_keys(Config).items() if "Place" in kind]
    assert {"run", "views.reference", "evaluate.truth", "backbone.weights"} <= set(keys)
    words = [f"{key}=[~/a]" if key == "autoencoder.others" else f"{key}=~/a" for key in keys]
    for key, value in flat_values(load_config(words)).items():
        if key in keys:
            assert value.strip("[]") == str(tmp_path / "home/a"), key
    save_config(load_config(["run=~/mine", "poses.count=7"]))
    assert load_config(["run=~/mine"]).poses.count == 7
    (job, *_) = load_multirun(["run=~/s", "poses.count=6,12"]).jobs
    assert job.config.run == str(tmp_path / "home/s/poses.count=6")
    assert load_config(["images.path=~nobody_of_that_name/a"]).images.path[0] == "~"


def test_what_is_no_text_is_yaml_as_before() -> None:
    config = load_config(["poses.count=[6,24]", "data.mirror=off", "train.learning_rate=1e-4"])
    assert (config.poses.count, config.data.mirror) == ([6, 24], False)
    assert config.train.learning_rate == 1e-4
