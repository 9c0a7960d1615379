"""Whether W&B can be told of anything is found out without a prompt."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirage.tracking.key import has_wandb_key

pytestmark = pytest.mark.usefixtures("nobody")


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
    netrc.write_text("machine api.forge.coreweave.com login user password 0\n")  # since 0.31
    assert has_wandb_key()
    netrc.write_text("machine without end")
    assert not has_wandb_key()
    monkeypatch.setenv("WANDB_API_KEY", "0")
    assert has_wandb_key()


def test_a_key_for_another_server_than_the_one_in_use_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "elsewhere"
    netrc.write_text("machine wandb.example.org login user password 0\n")
    monkeypatch.setenv("NETRC", str(netrc))
    assert not has_wandb_key()
    settings = tmp_path / "home" / ".config" / "wandb" / "settings"
    settings.parent.mkdir(parents=True)
    settings.write_text("[default]\nbase_url = https://wandb.example.org\n")
    assert has_wandb_key()
    monkeypatch.setenv("WANDB_BASE_URL", "https://other.example.org")
    assert not has_wandb_key()
    settings.write_text("no section")
    monkeypatch.delenv("WANDB_BASE_URL")
    assert not has_wandb_key()
