"""What is installed is all there is."""

from __future__ import annotations

from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_package_of_the_source_tree_is_installed() -> None:
    """An editable install finds folders that a wheel would leave out."""
    settings = ConfigParser()
    settings.read(ROOT / "setup.cfg")
    listed = set(settings["options"]["packages"].split())
    found = {
        ".".join(path.parent.relative_to(base).parts)
        for base, top in ((ROOT / "src", "mirage"), *((ROOT, n) for n in LOOSE))
        for path in (base / top).rglob("__init__.py")
    }
    assert listed == found


LOOSE = ("callbacks", "datamodules", "experiments")
