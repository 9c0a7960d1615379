"""Whether W&B can be told of anything; apart, for it needs none of what tracking needs."""

from __future__ import annotations

import netrc
import os
from configparser import ConfigParser, Error
from pathlib import Path
from urllib.parse import urlsplit

_HOSTS = ("api.forge.coreweave.com", "api.wandb.ai")  # W&B's own, by its new and its old name


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
    server = os.environ.get("WANDB_BASE_URL") or _server_logged_in_to()
    host = urlsplit(server).netloc
    return (host,) if host and host not in _HOSTS else _HOSTS


def _server_logged_in_to() -> str:
    """What `wandb login --host` leaves; empty where W&B's own server is meant."""
    folder = os.environ.get("WANDB_CONFIG_DIR") or Path.home() / ".config" / "wandb"
    settings = ConfigParser(interpolation=None)
    try:
        settings.read(Path(folder) / "settings")
    except Error:
        return ""
    return settings.get("default", "base_url", fallback="")
