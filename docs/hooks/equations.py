"""Equations as MathML, which browsers draw with no script and no network."""

from __future__ import annotations

import logging
import re
import unicodedata
from html import unescape

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

_log = logging.getLogger("mkdocs.hooks.equations")
_EQUATION = re.compile(r'<div class="arithmatex">\\\[(.+?)\\\]</div>', re.DOTALL)
_STYLED = re.compile(r'(?<=<m[in] )mathvariant="(script|double-struck)">(\w)(?=</m[in]>)')


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Draw every equation of a page; one that cannot be read is a warning."""

    def draw(match: re.Match[str]) -> str:
        latex = unescape(match[1]).strip()
        try:
            drawn = convert(latex, display="block")
        except Exception as error:  # what it raises has no base of its own
            drawn = f"\\ {type(error).__name__}"
        if "\\" in drawn:  # a command that it does not know it leaves as it is
            _log.warning("%s: an equation cannot be drawn: %s", page.file.src_uri, latex)
            return match[0]
        return f'<div class="equation">{_STYLED.sub(_as_character, drawn)}</div>'

    return _EQUATION.sub(draw, html)


def _as_character(match: re.Match[str]) -> str:
    """𝔼 for a double-struck E: browsers know the character, and no longer the attribute."""
    style, kind = match[1].upper(), "DIGIT" if match[2].isdigit() else "CAPITAL"
    name = f"{style} {kind} {unicodedata.name(match[2]).split()[-1]}"
    try:
        return ">" + unicodedata.lookup(f"MATHEMATICAL {name}")
    except KeyError:  # some are older than their alphabet
        return ">" + unicodedata.lookup(name)
