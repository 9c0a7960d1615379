"""Whether W&B can be told of anything is found out without a prompt."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mirage.tracking import key
from mirage.tracking.key import find_mode, has_wandb_key

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


@pytest.mark.parametrize("command", ["offline", "disabled"])
def test_what_wandbs_own_commands_leave_here_is_obeyed(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_API_KEY", "0")
    (tmp_path / "wandb").mkdir()
    subprocess.run([sys.executable, "-m", "wandb", command], check=True, capture_output=True)
    assert (find_mode().name, find_mode().doubt) == (command, False)
    monkeypatch.setenv("WANDB_MODE", "shared")
    assert find_mode().name == "shared"


def test_a_key_is_no_use_where_wandb_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key, "_SECONDS", 0.2)
    monkeypatch.setenv("WANDB_API_KEY", "0")
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes calls and never answers
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        start = time.monotonic()
        mode = find_mode()
        assert (mode.name, mode.doubt) == ("offline", True) and "wandb sync" in mode.why
        assert time.monotonic() - start < 5


def test_any_answer_of_wandbs_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)  # answers 501
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("WANDB_API_KEY", "0")
    monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{server.server_port}")
    assert find_mode().name == "online"
    server.shutdown()
