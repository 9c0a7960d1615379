"""How W&B is told of a run: online, offline or not; found out without W&B itself, nor a prompt."""

from __future__ import annotations

import netrc
import os
from configparser import ConfigParser, Error
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from mirage.core.network import ask

_HOSTS = ("api.forge.coreweave.com", "api.wandb.ai")  # W&B's own, by its new and its old name
_SECONDS = 3.0  # that its server is given to answer


@dataclass(frozen=True)
class Mode:
    """How W&B is told.

    Attributes:
        name: online, offline, disabled, …, in W&B's words. why: in ours.
        doubt: whether it is another one than a person would expect.
    """

    name: str
    why: str
    doubt: bool = False

    def __str__(self) -> str:
        return self.why


def asked_mode() -> Mode | None:
    """What WANDB_MODE says, or what `wandb offline` and `wandb disabled` leave; None: nothing."""
    if name := os.environ.get("WANDB_MODE"):
        return Mode(name, f"WANDB_MODE={name}")
    if (name := _setting("mode")) and name != "online":
        return Mode(name, f"`wandb {name}`")
    return None


def find_mode() -> Mode:
    """What was asked for; else online where there is a key and W&B answers, offline elsewhere."""
    if (asked := asked_mode()) is not None:
        return asked
    if not has_wandb_key():
        return Mode("offline", "there is no key")
    why = _why_silent(_server())
    if why is None:
        return Mode("online", "there is a key")
    return Mode("offline", f"W&B does not answer ({why}); `wandb sync` sends it later", doubt=True)


@cache
def _why_silent(server: str) -> str | None:
    return ask(server, _SECONDS, well=False)


def has_wandb_key() -> bool:
    """Whether a key is set in the environment, or by `wandb login` for the server in use."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        known = netrc.netrc(os.environ.get("NETRC") or None)
    except (OSError, netrc.NetrcParseError):
        return False
    return any(known.authenticators(host) is not None for host in _hosts())


def _hosts() -> tuple[str, ...]:
    host = urlsplit(_server()).netloc
    return (host,) if host and host not in _HOSTS else _HOSTS


def _server() -> str:
    """The server in use: W&B's own, or the one that `wandb login --host` left."""
    return os.environ.get("WANDB_BASE_URL") or _setting("base_url") or f"https://{_HOSTS[-1]}"


def _setting(name: str) -> str:
    """Of W&B's settings files, of the folder's before the person's; empty where it is in none."""
    folder = os.environ.get("WANDB_CONFIG_DIR") or Path.home() / ".config" / "wandb"
    here = Path(os.environ.get("WANDB_DIR") or ".")
    own = here / (".wandb" if (here / ".wandb").exists() else "wandb")
    settings = ConfigParser(interpolation=None)
    try:
        settings.read([Path(folder) / "settings", own / "settings"])
    except (Error, UnicodeDecodeError):
        return ""
    return settings.get("default", name, fallback="")
