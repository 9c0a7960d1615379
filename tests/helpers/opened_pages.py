"""Pages opened in a headless Chromium, and what is painted there."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from synthetic.pages import CUBE

from mirage.report.page import ReportPage, write_page

PATIENCE = 120_000  # ms that one step may take on a busy machine


class Opener:
    """Opens pages; keeps what they complain of and what they ask for besides themselves."""

    def __init__(self, browser: Any, folder: Path) -> None:
        self.browser, self.folder = browser, folder
        self.complaints: list[str] = []

    def __call__(self, page: ReportPage, **settings: Any) -> Any:
        path = self.folder / f"{len(list(self.folder.iterdir()))}.html"
        write_page(path, page)
        settings = {"reduced_motion": "reduce"} | settings
        opened = self.browser.new_page(**settings)
        opened.set_default_timeout(PATIENCE)
        opened.on("console", lambda message: self._hear(message.text))
        opened.on("pageerror", lambda error: self.complaints.append(str(error)))
        opened.on("dialog", lambda dialog: (self.complaints.append("dialog"), dialog.dismiss()))
        opened.on("request", lambda request: self._note(request.url, path))
        opened.goto(path.as_uri())
        return opened

    def _hear(self, text: str) -> None:
        if "GL Driver Message (OpenGL, Performance" not in text:  # of drawing without a GPU
            self.complaints.append(text)

    def _note(self, url: str, own: Path) -> None:
        if url != own.as_uri() and not url.startswith("data:image/"):
            self.complaints.append(url)


def brightness(part: Any) -> float:
    """Mean of the middle of what is really painted."""
    pixels = np.asarray(Image.open(io.BytesIO(part.screenshot())).convert("L"), float)
    height, width = pixels.shape
    return float(pixels[height // 4 : -height // 4, width // 4 : -width // 4].mean())


def side_shown(canvas: Any) -> str:
    """Which side of the cube is in the middle of what is painted."""
    pixels = np.asarray(Image.open(io.BytesIO(canvas.screenshot())).convert("RGB"), float)
    middle = pixels[pixels.shape[0] // 2, pixels.shape[1] // 2]
    unlike = {side: np.linalg.norm(middle - colour) for side, colour in CUBE.items()}
    side, distance = min(unlike.items(), key=lambda item: item[1])
    assert distance < 60, middle
    return side


def names_shown(page: Any) -> list[str]:
    """Of the references that are not filtered out, in or out of sight."""
    return [str(n) for n in page.locator("#views .orbit:not([hidden]) h3").all_text_contents()]
