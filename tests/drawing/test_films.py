"""Films can be read back: their frames, size and speed."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mirage.core.errors import MirageError
from mirage.drawing import films

COLOURS = np.array([(220, 30, 30), (30, 220, 30), (30, 30, 220)], dtype=np.uint8)
FRAMES = np.broadcast_to(COLOURS[:, None, None], (3, 33, 35, 3)).copy()


def test_gif_holds_the_frames_in_order_and_loops(tmp_path: Path) -> None:
    path = tmp_path / "orbit" / "x.gif"
    films.save_gif(FRAMES, path, fps=5)
    with Image.open(path) as film:
        assert film.n_frames == 3 and film.info["loop"] == 0
        assert film.info["duration"] == 200
        for index, colour in enumerate(COLOURS):
            film.seek(index)
            assert np.abs(np.asarray(film.convert("RGB"), int) - colour).max() < 8
    assert [p.name for p in path.parent.iterdir()] == ["x.gif"]


def test_webp_holds_the_frames_in_order_and_loops(tmp_path: Path) -> None:
    films.save_webp(FRAMES, tmp_path / "x.webp", fps=5)
    with Image.open(tmp_path / "x.webp") as film:
        assert film.n_frames == 3 and film.info["loop"] == 0
        for index, colour in enumerate(COLOURS):
            film.seek(index)
            film.load()
            assert film.info["duration"] == 200
            assert np.abs(np.asarray(film.convert("RGB"), int) - colour).max() < 8
    assert [p.name for p in tmp_path.iterdir()] == ["x.webp"]


def test_mp4_is_even_sized_and_holds_the_frames(tmp_path: Path) -> None:
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
    path = tmp_path / "x.mp4"
    assert films.save_mp4(FRAMES[:, :, :, :].repeat(4, axis=0), path, fps=10)
    reader = imageio_ffmpeg.read_frames(str(path))
    about = next(reader)
    pictures = list(reader)
    assert about["pix_fmt"].startswith("yuv420p") and about["codec"] == "h264"
    assert all(side % 2 == 0 for side in about["size"]) and len(pictures) == 12
    width, height = about["size"]
    first = np.frombuffer(pictures[0], np.uint8).reshape(height, width, 3).astype(int)
    assert np.abs(first.mean(axis=(0, 1)) - COLOURS[0]).max() < 25
    assert [p.name for p in tmp_path.iterdir()] == ["x.mp4"]


def test_mp4_is_left_out_where_no_ffmpeg_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "imageio_ffmpeg", None)
    assert not films.save_mp4(FRAMES, tmp_path / "x.mp4")
    assert "no MP4" in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_no_frames_make_no_film(tmp_path: Path) -> None:
    with pytest.raises(MirageError, match="0 frames"):
        films.save_gif(FRAMES[:0], tmp_path / "x.gif")
