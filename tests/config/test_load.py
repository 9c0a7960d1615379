"""Configuration: every shipped file loads, every mistake is named, and a run keeps its own."""

from __future__ import annotations

import re
import shutil
from inspect import signature
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.utils import get_object
from omegaconf import OmegaConf

from mirage import experiments
from mirage.config import Config
from mirage.config.load import (
    _composed,
    config_text,
    list_experiments,
    load_config,
    open_experiments,
    save_config,
)
from mirage.config.overrides import known_keys
from mirage.core.errors import MirageError
from mirage.core.files import SAVED

FOLDER = Path(str(experiments.__file__)).parent


def names(group: str) -> list[str]:
    found = sorted(path.stem for path in (FOLDER / group).glob("*.yaml"))
    assert found
    return found


def leaves(tree: dict[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat |= leaves(value, f"{prefix}{key}.")
        elif key != "defaults":
            flat[f"{prefix}{key}"] = value
    return flat


def value_of(config: object, key: str) -> object:
    for name in key.split("."):
        config = config[name] if isinstance(config, dict) else getattr(config, name)
    return config


@pytest.mark.parametrize("name", names("experiment"))
def test_every_experiment_loads_and_means_what_it_says(name: str) -> None:
    config = load_config([f"experiment={name}"])
    file = OmegaConf.load(FOLDER / "experiment" / f"{name}.yaml")
    written = leaves(OmegaConf.to_container(file, resolve=True))
    for key, value in written.items():
        assert value_of(config, key) == value, key


@pytest.mark.parametrize(
    "file", sorted(FOLDER.glob("*/*.yaml")), ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_every_file_is_a_short_difference_that_says_what_it_is(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= 30
    assert re.match(r"[A-Z].*[.:]$", list_experiments()[file.parent.name][file.stem])


def bind(spec: dict[str, object]) -> None:
    """Give a callback's arguments to its signature, without making it."""
    target = get_object(str(spec["_target_"]))
    signature(target).bind(**{key: value for key, value in spec.items() if key[0] != "_"})


@pytest.mark.parametrize("name", names("experiment"))
def test_every_callback_of_an_experiment_can_be_made(name: str) -> None:
    for spec in load_config([f"experiment={name}"]).train.callbacks.values():
        bind(spec)


def test_a_callback_that_is_not_there_or_wants_something_else_is_noticed() -> None:
    bind({"_target_": "mirage.callbacks.history.MetricsFile", "path": "a.csv", "every": 1})
    with pytest.raises(TypeError):
        bind({"_target_": "mirage.callbacks.history.MetricsFile", "paths": "a.csv"})
    with pytest.raises(ImportError):
        bind({"_target_": "mirage.callbacks.history.NoSuchThing"})


@pytest.mark.parametrize("name", names("backbone"))
def test_every_backbone_loads_and_means_what_it_says(name: str) -> None:
    config = load_config([f"backbone={name}"])
    assert config.backbone.name == name
    written = yaml.safe_load((FOLDER / "backbone" / f"{name}.yaml").read_text())
    for key, value in written.items():
        assert getattr(config.backbone, key) == value, key


def test_with_nothing_said_the_defaults_hold() -> None:
    assert load_config([]) == Config()


def test_a_word_on_the_command_line_wins_over_the_experiment() -> None:
    config = load_config(["experiment=demo", "poses.count=12", "backbone=dinov2"])
    assert config.poses.count == 12 and config.backbone.name == "dinov2"
    assert config.images.source == "turntable"  # the rest of the experiment stays


def test_pretrained_null_is_no_pretrained() -> None:
    assert load_config(["experiment=demo"]).pretrained == "turntable_cars"
    assert load_config(["experiment=demo", "pretrained=null"]).pretrained is None


def test_lists_and_nothing_can_be_written() -> None:
    config = load_config(
        ["model.channels=[64,128]", "model.attention_levels=[1]", "poses.anchors={3: 0}"]
    )
    assert config.model.channels == [64, 128] and config.poses.anchors == {3: 0.0}
    assert load_config(["poses.anchors={}"]).poses.anchors == {}


@pytest.mark.parametrize(
    ("words", "key", "says"),
    [
        (["poses.cuont=12"], "poses.cuont", "poses.count"),
        (["resolution=64"], "resolution", ""),
        (["data.resolutoin=64"], "data.resolutoin", "data.resolution"),
        (["poses.count=many"], "poses.count", "many"),
        (["model.channels=wide"], "model.channels", ""),
        (["data.resolution=30"], "data.resolution", "multiple of 4"),
        (["data.resolution=0"], "data.resolution", "positive"),
        (["data.balance=1.5"], "data.balance", "1.5"),
        (["poses.count=24", "reference_pose=24"], "reference_pose", "0 to 23"),
        (["reference_pose=-1"], "reference_pose", "from 0"),
        (["poses.count=24", "poses.anchors={30: 0}"], "poses.anchors", "0 to 23"),
        (["poses.count=24", "poses.topk=30"], "poses.topk", "30"),
        (["poses.count=[24,6]"], "poses.count", "coarse"),
        (["poses.count=1.5"], "poses.count", "auto"),
        (["poses.count=2"], "poses.count", "at least 3"),
        (["images.source=zip"], "images.source", "folder, tar, shards, csv, compcars, turntable"),
        (["images.heldout_fraction=0"], "images.heldout_fraction", "0"),
        (["backbone.size=100"], "backbone.size", "14"),
        (["model.channels=[32,50,64]"], "model.channels", "50"),
        (["model.attention_levels=[5]"], "model.attention_levels", "5"),
        (["model.attention_levels=[]"], "model.attention_levels", "at least one"),
        (["model.head_dim=24"], "model.head_dim", "24"),
        (["views.mode=medium"], "views.mode", "none, start, soft, hard"),
        (["views.sampler.sigma_max=0.01"], "views.sampler.sigma_max", "0.01"),
        (["views.guidance.pose.interval=[3,1]"], "views.guidance.pose.interval", "low"),
        (["evaluate.modes=[soft,firm]"], "evaluate.modes", "firm"),
        (["train.ema_decay=2"], "train.ema_decay", "2"),
        (["train.weight_decay=-1"], "train.weight_decay", "negative"),
        (["model.dropout=1"], "model.dropout", "[0, 1)"),
        (["poses.count=[]"], "poses.count", "auto"),
        (["views.azimuths=[0,nan]"], "views.azimuths", "nan"),
        *(
            ([f"{section}.seed={seed}"], f"{section}.seed", "from 0")
            for section in ("parts", "poses", "views", "images.turntable")
            for seed in (-1, 2**32)
        ),
    ],
)
def test_a_mistake_names_its_key_and_a_way_out(words: list[str], key: str, says: str) -> None:
    with pytest.raises(MirageError) as caught:
        load_config(words)
    assert f"configuration key {key}" in caught.value.where
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "words",
    [
        ["experiment=nothing_like_it"],
        ["backbone=resnet"],
        ["poses.count"],
        ["views.guidance.pose.interval=[1,"],
        ["=3"],
        ["poses=3"],
        ["images.min_side=null"],
        ["experiment="],
    ],
)
def test_nonsense_is_refused_in_words(words: list[str]) -> None:
    with pytest.raises(MirageError):
        load_config(words)


def test_a_runs_own_configuration_is_used_by_later_commands() -> None:
    first = load_config(["experiment=demo", "run=runs/a", "poses.count=12", "pretrained=null"])
    save_config(first)
    assert load_config(["run=runs/a"]) == first
    later = load_config(["run=runs/a", "views.mode=soft", "backbone=dinov2"])
    assert later.views.mode == "soft" and later.backbone.name == "dinov2"
    assert later.poses.count == 12 and later.images == first.images
    assert load_config(["run=runs/b"]) == Config(run="runs/b")
    named = load_config(["experiment=demo", "run=runs/a"])  # naming one starts from it again
    assert named.poses.count == 24 and named.pretrained == "turntable_cars"


@pytest.mark.parametrize("text", ["poses: [", "- poses", "\xff"])
def test_a_configuration_that_is_damaged_is_told(text: str, tmp_path: Path) -> None:
    (tmp_path / SAVED).write_text(text, encoding="latin-1")
    with pytest.raises(MirageError, match="damaged") as caught:
        load_config([f"run={tmp_path}"])
    assert str(tmp_path / SAVED) in caught.value.where


def test_an_experiment_that_is_no_yaml_is_told_with_its_line() -> None:
    with pytest.raises(MirageError, match=r"no YAML: .*line 2"), open_experiments(Config):
        yaml.safe_load("poses: [\n")


def test_the_saved_file_is_whole_and_plain_yaml() -> None:
    config = load_config(["experiment=demo", "run=runs/a"])
    save_config(config)
    assert [path.name for path in Path("runs/a").iterdir()] == [SAVED]
    read = yaml.safe_load((Path("runs/a") / SAVED).read_text())
    assert read == yaml.safe_load(config_text(config))
    assert set(leaves(read)) <= set(known_keys(Config))


def test_every_known_key_can_be_written() -> None:
    config = Config()
    simple = [key for key in known_keys(Config) if isinstance(value_of(config, key), int | float)]
    assert {"poses.dims", "images.turntable.objects", "views.sampler.rho"} <= set(simple)
    words = [f"{key}={value_of(config, key)}" for key in simple]
    assert load_config(words) == config


def test_a_row_of_an_ablation_can_be_added_on_the_command_line(tmp_path: Path) -> None:
    words = ["ablation=steps", "ablation.rows.half={mode: soft, start: 0.5}", f"run={tmp_path}"]
    rows = load_config(words).ablation.rows
    assert next(iter(rows)) == "none" and rows["half"] == {"mode": "soft", "start": 0.5}


def test_anchors_that_are_named_now_are_all_that_count(tmp_path: Path) -> None:
    save_config(load_config([f"run={tmp_path}", "poses.anchors={3: 0, 7: 45}"]))
    assert load_config([f"run={tmp_path}"]).poses.anchors == {3: 0.0, 7: 45.0}
    assert load_config([f"run={tmp_path}", "poses.anchors={1: 5}"]).poses.anchors == {1: 5.0}
    assert load_config([f"run={tmp_path}", "poses.anchors={}"]).poses.anchors == {}
    with pytest.raises(MirageError, match="space after each colon"):
        load_config(["poses.anchors={3:0,7:45.5}"])


def test_a_run_that_was_moved_or_copied_is_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not where it was, which may be another run by now."""
    monkeypatch.chdir(tmp_path)
    own = "model.autoencoder=runs/first/autoencoder/model"
    save_config(load_config(["run=runs/first", own, "images.path=photos"]))
    shutil.copytree("runs/first", "runs/default")
    for config in (load_config([]), load_config(["run=runs/default"])):
        assert config.run == "runs/default"
        assert config.model.autoencoder == "runs/default/autoencoder/model"
        assert config.images.path == "photos"
    (tmp_path / "runs").rename(tmp_path / "elsewhere")
    moved = load_config([f"run={tmp_path / 'elsewhere' / 'first'}"])
    assert moved.model.autoencoder == str(tmp_path / "elsewhere/first/autoencoder/model")


def test_two_commands_may_keep_the_configuration_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    config, replace = load_config(["run=runs/x"]), Path.replace

    def replace_late(path: Path, target: Path) -> None:
        monkeypatch.setattr(Path, "replace", replace)
        save_config(config)  # the other one, before the first is through
        replace(path, target)

    monkeypatch.setattr(Path, "replace", replace_late)
    save_config(config)
    assert [path.name for path in Path("runs/x").iterdir()] == [SAVED]


def test_a_configuration_that_is_kept_already_is_not_written() -> None:
    config = load_config(["run=runs/x"])
    save_config(config)
    kept = Path("runs/x", SAVED)
    before = kept.stat()
    save_config(load_config(["run=runs/x"]))
    after = kept.stat()  # which reading changes, too: its time of access
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_program_of_hydras_keeps_its_own(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "theirs.yaml").write_text("defaults: [schema, _self_]\nsize: 3\n")
    _composed.cache_clear()
    try:
        with initialize_config_dir(str(tmp_path / "conf"), version_base="1.3"):
            ConfigStore.instance().store(name="schema", node={"name": "theirs"})
            load_config(["backbone=effnet_lite"])
            assert compose("theirs") == {"name": "theirs", "size": 3}
            with pytest.raises(MirageError):
                load_config(["experiment=nonsense"])
            assert compose("theirs") == {"name": "theirs", "size": 3}
    finally:
        ConfigStore.instance().repo.pop("schema.yaml", None)
