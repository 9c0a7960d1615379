"""Whether W&B can be told of anything; apart, for it needs none of what tracking needs."""

from __future__ import annotations

import netrc
import os


def has_wandb_key() -> bool:
    """Whether a key is set in the environment or in ~/.netrc."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        return netrc.netrc().authenticators("api.wandb.ai") is not None
    except (OSError, netrc.NetrcParseError):
        return False
