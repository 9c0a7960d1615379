"""Whether a server answers, asked briefly."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request


def ask(url: str, seconds: float, well: bool = True) -> str | None:
    """Why a server gave no answer, in words; None if it did.

    In a thread of its own, that is left behind: looking up a name knows no time limit.

    Args:
        well: whether it must answer that all is well; any answer will do otherwise.
    """
    outcome: list[str | None] = []

    def look() -> None:
        try:
            request = urllib.request.Request(url, method="HEAD")
            urllib.request.urlopen(request, timeout=seconds).close()
            outcome.append(None)
        except urllib.error.HTTPError as error:
            outcome.append(f"it answers {error.code}" if well else None)
        except (OSError, ValueError) as error:
            outcome.append(str(getattr(error, "reason", error)))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(seconds)
    return outcome[0] if outcome else f"no answer in {seconds:.0f} s"
