"""The doctor tells what is there, what to do where it is not, and never hangs."""

from __future__ import annotations

import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny.runs import mirage

from mirage.commands import doctor
from mirage.commands.doctor import Finding, advise, examine, find_hub, find_rendering, find_slurm
from mirage.config import AUTO
from mirage.config.load import load_config
from mirage.core.network import ask
from mirage.generation.pretrained import shipped


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that takes calls and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a hub's cache, a key, Slurm or a display."""
    for name in ("HF_HUB_CACHE", "HF_HUB_OFFLINE", "DISPLAY", "WANDB_MODE", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(doctor, "find_library", lambda name: None)
    monkeypatch.setattr(doctor, "_HUB_SECONDS", 0.2)


@pytest.mark.usefixtures("nothing")
def test_a_silent_hub_is_given_up_and_the_way_round_is_told(
    silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", silent)
    hub = find_hub()
    assert not hub.good and "backbone=effnet_lite" in str(hub)
    assert ask(silent, 0.1) is not None
    assert ask("no address at all", 1.0) is not None


@pytest.mark.usefixtures("nothing")
def test_weights_that_are_here_need_no_hub(
    silent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", silent)
    (tmp_path / "hub" / "hub" / doctor._DINOV2 / "snapshots").mkdir(parents=True)
    assert find_hub().good
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert find_hub().good
    monkeypatch.setenv("HF_HOME", str(tmp_path / "elsewhere"))
    assert "HF_HUB_OFFLINE" in find_hub().found


@pytest.mark.usefixtures("nothing")
def test_what_is_missing_is_told_with_what_to_do(
    silent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", silent)
    found = {finding.what: finding for finding in examine()}
    assert list(found) == ["Python", "processor", "disk", "W&B", "Slurm", "rendering", "hub", "GPU"]
    for what, todo in (("W&B", "wandb login"), ("hub", "effnet_lite")):
        assert not found[what].good and todo in found[what].todo
    if sys.platform == "linux":
        assert "libegl1" in find_rendering().todo
    (tmp_path / "sbatch").write_text("#!/bin/sh\n")
    (tmp_path / "sbatch").chmod(0o755)
    assert find_slurm().good and "launcher=slurm" in find_slurm().todo


@pytest.mark.parametrize("gpu", [True, False])
@pytest.mark.parametrize("hub", [True, False])
@pytest.mark.parametrize("rendering", [True, False])
def test_the_commands_advised_are_understood(
    gpu: bool, hub: bool, rendering: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = advise(gpu, hub, rendering)
    commands = [shlex.split(line) for line in lines if line.startswith("  mirage ")]
    assert len(commands) == 2 + rendering
    car, demo, own = load_config(commands[0][2:]), commands[1], load_config(commands[-1][2:])
    assert car.pretrained in shipped() and car.views.reference == "car.jpg"
    assert (demo[2:] == ["experiment=demo"]) == rendering
    assert own.images.source == "folder" and own.images.path == "FOLDER"
    assert own.backbone.name == ("dinov2" if hub else "effnet_lite")
    assert own.recipe == AUTO and (own.budget.minutes is None) == gpu


def test_nothing_heavy_is_imported_before_it_speaks() -> None:
    look = (
        "import sys, mirage.cli, mirage.commands.doctor as d; said = d.examine(); "
        "next(said), next(said); "
        "print({'torch', 'hydra', 'wandb', 'lightning'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_command_speaks_line_by_line_and_takes_no_words(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        doctor,
        "examine",
        lambda: iter(
            [
                Finding("GPU", "none", False),
                Finding("hub", "far", False, "wait"),
                Finding("rendering", "by EGL"),
            ]
        ),
    )
    assert mirage("doctor") == 0
    said = capsys.readouterr().out
    assert said.startswith(
        "GPU        none\nhub        far\n           → wait\nrendering  by EGL\n"
    )
    assert "\nrecipe     photos_128_small, since photos_128 is for a GPU (" in said
    assert said.rstrip().endswith("backbone=effnet_lite budget.minutes=60")
    assert mirage("doctor", "please") == 1
    assert "please" in capsys.readouterr().err
