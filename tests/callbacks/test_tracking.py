"""W&B without a key: offline, silent, inside the run's folder, and the same run after a resume."""

from __future__ import annotations

import builtins
import os
from pathlib import Path

import numpy as np
import pytest
import wandb
from PIL import Image

from callbacks.tracking import has_wandb_key, log_pictures, wandb_logger

VARIABLES = ("WANDB_API_KEY", "WANDB_MODE", "WANDB_SILENT", "WANDB_DATA_DIR", "NETRC")


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person without a key, whose terminal must not be asked anything."""
    for name in VARIABLES:
        monkeypatch.setenv(name, "")  # so that what is set below is undone afterwards
        monkeypatch.delenv(name)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    def refuse(*_: object, **__: object) -> str:
        raise AssertionError("a prompt")

    monkeypatch.setattr(builtins, "input", refuse)
    monkeypatch.setattr("getpass.getpass", refuse)


def test_a_key_is_found_in_the_environment_or_netrc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not has_wandb_key()
    netrc = tmp_path / "home" / ".netrc"
    netrc.write_text("machine example.org login a password b\n")
    netrc.chmod(0o600)
    assert not has_wandb_key()
    netrc.write_text("machine api.wandb.ai login user password 0\n")
    assert has_wandb_key()
    netrc.write_text("machine without end")
    assert not has_wandb_key()
    monkeypatch.setenv("WANDB_API_KEY", "0")
    assert has_wandb_key()


def test_without_a_key_the_run_is_offline_and_stays_in_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "run" / "wandb"
    logger = wandb_logger(folder, "demo", {"poses": {"count": 4}})
    assert os.environ["WANDB_MODE"] == "offline"
    assert Path(os.environ["WANDB_DATA_DIR"]) == folder.resolve()
    sheet, film = tmp_path / "a.png", tmp_path / "a.gif"
    frames = [Image.fromarray(np.full((16, 16, 3), value, np.uint8)) for value in (0, 100, 200)]
    frames[0].save(sheet)
    frames[0].save(film, save_all=True, append_images=frames[1:])
    try:
        run = logger.experiment
        assert run.offline and run.config["poses"]["count"] == 4
        log_pictures(logger, "views", sheet, film, step=3)
        assert run.id == (folder / "wandb_id.txt").read_text()
    finally:
        wandb.finish()
    names = {path.suffix for path in folder.rglob("*") if path.is_file()}
    assert {".wandb", ".png", ".gif"} <= names
    assert wandb_logger(folder, "demo", {}).version == run.id


def test_a_mode_that_is_set_is_obeyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    wandb_logger(tmp_path / "wandb", "demo", {})
    assert os.environ["WANDB_MODE"] == "disabled"
