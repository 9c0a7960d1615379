"""The list of names is one that can be relied on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mirage.tracking.names import LOGGED, as_markdown, named, to_name

DOCS = Path(__file__).parents[2] / "docs" / "dashboards.md"


def test_the_docs_show_the_list_as_it_is() -> None:
    assert as_markdown() in DOCS.read_text()


def test_every_name_is_one_item_of_the_list() -> None:
    """Where patterns overlapped, a name would have two meanings."""
    for item in LOGGED:
        example = re.sub(r"\b[A-Z]+\b", "soft", item.name)
        assert [other for other in LOGGED if other.matches(example)] == [item]
        assert named(example) == example


@pytest.mark.parametrize("name", ["val/los", "val/losses", "evaluate/views/soft", "loss", ""])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(KeyError):
        named(name)


def test_words_become_letters_that_wandb_sorts_by() -> None:
    assert to_name("copy the reference") == "copy_the_reference"
    assert to_name("pooled features, k-means") == "pooled_features_k_means"
