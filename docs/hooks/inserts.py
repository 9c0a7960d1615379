"""What is written elsewhere, in the pages of the site, so that each fact has one place.

A paragraph that is nothing but a link to a section of README, or to the code that something is
generated from, is replaced by it on the site. Other links to a section of README lead to the page
that has it. A link to a file that is not on the site is its text alone.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from pathlib import Path

from markdown.extensions.toc import slugify
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page
from reference import GENERATED

README = "README.md"
_ALONE = re.compile(r"^\[[^\]]+\]\(\.\./(\S+)\)$", re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[([^\[\]]+)\]\(([^)\s]+)\)")
_FENCED = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put in what is asked for, and mend the links.

    Raises:
        KeyError: it is neither a section of README nor generated.
    """
    readme = sections((Path(config.docs_dir).parent / README).read_text())
    homes = {
        asked.removeprefix(f"{README}#"): file.src_uri
        for file in files.documentation_pages()
        for asked in _ALONE.findall(file.content_string)
    }
    known = {file.src_uri for file in files}
    folder = posixpath.dirname(page.file.src_uri)

    def insert(asked: str) -> str:
        if asked in GENERATED:
            return GENERATED[asked]()
        return relink(readme[asked.removeprefix(f"{README}#")], "", homes, known, folder)

    own = posixpath.join("docs", folder)
    texts = _ALONE.split(markdown)  # by turns the page's own text and what is asked for
    texts[0::2] = [relink(text, own, homes, known, folder) for text in texts[0::2]]
    texts[1::2] = [insert(asked) for asked in texts[1::2]]
    return "".join(texts)


def sections(readme: str) -> dict[str, str]:
    """Anchor → text below the heading, up to the next one; of the title, what comes before all."""
    found: dict[str, list[str]] = {}
    for part in _FENCED.split(readme):
        if part.startswith("```"):
            found[next(reversed(found))].append(part)
            continue
        before, *headed = re.split(r"^##? (.+)$", part, flags=re.MULTILINE)
        if found:
            found[next(reversed(found))].append(before)
        for title, text in zip(headed[0::2], headed[1::2], strict=True):
            found[slugify(title, "-")] = [text]
    return {anchor: "".join(texts).strip("\n") for anchor, texts in found.items()}


def relink(
    text: str, folder: str, homes: Mapping[str, str], known: set[str], page_folder: str = ""
) -> str:
    """The text of a file in `folder` of the repository, with links for a page of the site.

    `page_folder` is where on the site the page is; `homes` and `known` are relative to the site.
    """

    def mend(match: re.Match[str]) -> str:
        says, (path, _, anchor) = match[1], match[2].partition("#")
        if not folder and not path:
            path = README  # its sections may be on pages of their own
        if not path or "://" in path:
            return match[0]
        path = posixpath.normpath(posixpath.join(folder, path))
        if path == README:
            return f"[{says}]({beside(homes.get(anchor, 'index.md'))})"
        page = posixpath.relpath(path, "docs")
        return f"[{says}]({beside(page)}{'#' * bool(anchor)}{anchor})" if page in known else says

    def beside(page: str) -> str:
        return posixpath.relpath(page, page_folder or ".")

    pieces = _FENCED.split(text)
    pieces[0::2] = [
        _LINK.sub(mend, piece).replace("](docs/", "](") for piece in pieces[0::2]
    ]  # of links only pictures are left
    return "".join(pieces)
