"""PNG files (ISO/IEC 15948): a signature, then chunks of length, name, data and checksum."""

from __future__ import annotations

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")


def strip_text(data: bytes) -> bytes | None:
    """The same picture without the texts in it, too much of which Pillow refuses; None if none is.

    What follows a chunk that is cut short is left away.
    """
    if not data.startswith(_SIGNATURE):
        return None
    kept, start = [_SIGNATURE], len(_SIGNATURE)
    while start + 12 <= len(data):
        end = start + 12 + int.from_bytes(data[start : start + 4], "big")
        if data[start + 4 : start + 8] not in _TEXTS:
            kept.append(data[start:end])
        start = end
    without = b"".join(kept)
    return without if len(without) < len(data) else None
