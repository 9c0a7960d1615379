"""Of a folder its photos are listed, and what of pictures is left out, with the reason."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mirage.config import Config
from mirage.config.load import save_config
from mirage.images.sources.folder import find_photos, is_of_runs, photos_below


def save(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode(errors="surrogateescape"))


def listed(root: Path) -> tuple[list[str], dict[str, str]]:
    """The photos, and what was left out with the first words of why."""
    found = dict(photos_below(root))
    left = {path: reason.split(":")[0] for path, reason in found.items() if reason}
    return [path for path, reason in found.items() if not reason], left


def test_photos_are_listed_in_order_whatever_pillow_calls_them(tmp_path: Path) -> None:
    photos = ["Z.JPG", "a.apng", "a.jfif", "a.jpe", "a.mpo", "a.pgm", "a.tga", "b/a.heic"]
    save(tmp_path, *photos, "notes.txt", "labels/a.json", "no_suffix")
    assert listed(tmp_path) == (photos, {})


def test_pictures_that_are_not_read_are_told(tmp_path: Path) -> None:
    save(tmp_path, "a.jpg", "a.CR2", "b.svg", "c.jxl", ".hidden.svg")
    assert listed(tmp_path) == (["a.jpg"], dict.fromkeys(["a.CR2", "b.svg", "c.jxl"], "not read"))


def test_the_systems_own_pictures_are_left_out(tmp_path: Path) -> None:
    save(
        tmp_path,
        "a.jpg",
        "._a.jpg",
        ".thumbnails/a.jpg",
        "@eaDir/a.jpg",
        "b/__MACOSX/._a.jpg",
        "#recycle/b.jpg",
        ".git/config",
    )
    photos, left = listed(tmp_path)
    assert photos == ["a.jpg"]
    assert set(left) == {"._a.jpg", ".thumbnails", "@eaDir", "b/__MACOSX", "#recycle", ".git"}
    assert find_photos([str(tmp_path)]) == [tmp_path / "a.jpg"]
    assert find_photos([str(tmp_path / ".thumbnails")]) == [tmp_path / ".thumbnails/a.jpg"]


def test_links_are_followed_to_each_folder_once(tmp_path: Path) -> None:
    save(tmp_path, "photos/a.jpg", "elsewhere/b.jpg", "elsewhere/deep/c.jpg")
    photos = tmp_path / "photos"
    (photos / "link").symlink_to(tmp_path / "elsewhere")
    (photos / "again").symlink_to(tmp_path / "elsewhere/deep")
    (photos / "up").symlink_to(tmp_path)
    (photos / "itself").symlink_to(photos / "itself")
    (tmp_path / "elsewhere" / "back").symlink_to(photos)
    found, left = listed(photos)
    assert found == ["a.jpg", "again/c.jpg", "link/b.jpg"]
    link = "a link to a folder that is listed already"
    assert left == dict.fromkeys(["link/back", "link/deep", "up/elsewhere", "up/photos"], link)


def test_what_is_no_file_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "broken.png").symlink_to(tmp_path / "nowhere")
    (tmp_path / "circle.png").symlink_to(tmp_path / "circle.png")
    os.mkfifo(tmp_path / "pipe.png")
    photos, left = listed(tmp_path)
    assert photos == [] and set(left) == {"broken.png", "circle.png", "pipe.png"}


def test_a_folder_that_cannot_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, "a.jpg", "shut/b.jpg", "z/c.jpg")
    scan = os.scandir

    def refuse(path: str) -> object:
        if Path(path).name == "shut":
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    photos, left = listed(tmp_path)
    assert photos == ["a.jpg", "z/c.jpg"] and list(left) == ["shut"]


def test_runs_and_sweeps_among_the_photos_are_left_out(tmp_path: Path) -> None:
    save(
        tmp_path,
        "a.jpg",
        "runs/mine/poses/montage.png",
        "runs/many/plot.png",
        "runs/many/_shared/0a1b/images/1.png",
        "dataset/b.jpg",
        "_shared/c.jpg",
    )
    for run in ("runs/mine", "runs/many/_shared/0a1b"):
        save_config(Config(run=str(tmp_path / run)))
    (tmp_path / "dataset/config.yaml").write_text("name: cars\ngroup: x\n")
    photos, left = listed(tmp_path)
    assert photos == ["a.jpg", "_shared/c.jpg", "dataset/b.jpg"]
    assert set(left) == {"runs/mine", "runs/many"}


def test_a_run_is_known_however_long_its_name_is(tmp_path: Path) -> None:
    run = tmp_path / ("a word and " * 20)
    save_config(Config(run=str(run)))
    assert is_of_runs(run) and not is_of_runs(tmp_path)
