"""A picture with the words that a page shows beside it."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image


@dataclass(frozen=True)
class Panel:
    """A picture with words.

    Attributes:
        alt: what it shows, for those who hear the page.
        caption: one sentence on what to look for.
        whole: drawn to the width of the screen; a grid of photos is not, but scrolls sideways.
    """

    title: str
    picture: Image.Image
    alt: str
    caption: str
    whole: bool = False
