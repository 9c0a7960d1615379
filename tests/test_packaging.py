"""What a wheel brings is all there is, and minds no folder that it is used from."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_BUILT_OF = (
    "src",
    "callbacks",
    "datamodules",
    "experiments",
    "setup.cfg",
    "pyproject.toml",
    "README.md",
    "LICENSE",
)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package as its wheel brings it; built of a copy, which leaves no trace."""
    copy, wheels, target = (tmp_path_factory.mktemp(name) for name in ("copy", "wheels", "site"))
    for name in _BUILT_OF:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(ROOT / name, copy / name, symlinks=True, ignore=ignored)
        else:
            shutil.copy(ROOT / name, copy)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    alone = ["--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "wheel", *alone, "--wheel-dir", wheels, copy], check=True)
    (wheel,) = wheels.glob("*.whl")
    subprocess.run([*pip, "install", *alone, "--target", target, wheel], check=True)
    return target


def test_every_file_of_the_package_is_in_the_wheel(installed: Path) -> None:
    """An editable install finds files that a wheel would leave out."""

    def files(package: Path) -> set[str]:
        return {
            str((Path(folder) / name).relative_to(package))
            for folder, _, names in os.walk(package, followlinks=True)
            for name in names
            if not name.endswith(".pyc")
        }

    assert files(installed / "mirage") == files(ROOT / "src" / "mirage")
    assert {path.name for path in installed.iterdir() if path.is_dir()} == {
        "mirage",
        "bin",
        next(installed.glob("*.dist-info")).name,
    }


def test_a_folder_with_modules_of_like_names_does_not_matter(
    installed: Path, tmp_path: Path
) -> None:
    for name in ("callbacks", "datamodules", "experiments", "config"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('somebody else’s')\n")
    look = "import mirage.callbacks.ema as e, mirage.datamodules.posed; print(e.__file__)"
    environment = os.environ | {"PYTHONPATH": str(installed)}
    for words in (["-c", look], ["-m", "mirage.cli", "experiments"]):
        done = subprocess.run(
            [sys.executable, *words], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert str(installed) in done.stdout or "cars_photos" in done.stdout
