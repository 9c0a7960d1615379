"""A web server of one folder that gives ranges of bytes, and remembers what it gave."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, folder: Path, sent: list[tuple[str, int]], *args: Any) -> None:
        self.folder, self.sent = folder, sent
        super().__init__(*args)

    def do_GET(self) -> None:
        name = self.path.removeprefix("/")
        file = self.folder / name
        data = file.read_bytes() if file.is_file() else b""
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        start, last = (int(asked[1]), asked[2]) if asked else (0, "")
        part = data[start : int(last) + 1 if last else None]
        self.send_response(404 if not file.is_file() else 206 if asked else 200)
        self.send_header("Accept-Ranges", "bytes")
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{start + len(part) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        if self.command == "GET":
            self.sent.append((name, len(part)))
            self.wfile.write(part)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def serve(folder: Path) -> Iterator[tuple[str, list[tuple[str, int]]]]:
    """The URL of the folder, and a list that grows: file and number of bytes of each answer."""
    sent: list[tuple[str, int]] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, folder, sent)) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", sent
        server.shutdown()
