"""The Hugging Face hub: whether it answers, asked once and briefly."""

from __future__ import annotations

from functools import cache

import huggingface_hub
from huggingface_hub.constants import ENDPOINT, HF_HUB_OFFLINE

_TIMEOUT = 5.0  # seconds for one answer before the hub counts as out of reach


def ask_hub() -> None:
    """One plain request: the hub's own client retries for half a minute a file.

    Raises:
        Exception: of any type; it is out of reach.
    """
    if HF_HUB_OFFLINE:
        raise ConnectionError("HF_HUB_OFFLINE is set")
    huggingface_hub.get_session().head(ENDPOINT, timeout=_TIMEOUT)


@cache
def hub_answers() -> bool:
    """Whether the hub is within reach."""
    try:
        ask_hub()
    except Exception:
        return False
    return True


def is_cached(repo: str, file: str) -> bool:
    """Whether a file of the hub has been fetched before."""
    return isinstance(huggingface_hub.try_to_load_from_cache(repo, file), str)
