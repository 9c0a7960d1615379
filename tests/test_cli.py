"""What the command line understands besides key=value."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tiny.runs import TINY, mirage

from mirage import experiments
from mirage.config import SWEPT_COMMANDS


@pytest.mark.parametrize("command", [*SWEPT_COMMANDS, "sweep"])
@pytest.mark.parametrize("option", ["--multirun", "-m"])
def test_any_command_of_the_road_can_be_swept(
    command: str, option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert mirage(command, option, "poses.count=6,12", "sweep.wandb=s.yaml") == 0
    assert Path("s.yaml").exists()


@pytest.mark.parametrize(
    "words",
    [("assign", "-m"), ("ablate", "--multirun"), ("report", "--explain"), ("experiments", "demo")],
)
def test_options_of_another_command_are_refused(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert mirage(*words) == 1
    assert words[1] in capsys.readouterr().err


def test_experiments_are_listed_by_the_key_that_names_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert mirage("experiments") == 0
    said = capsys.readouterr().out.splitlines()
    for path in Path(str(experiments.__file__)).parent.glob("*/*.yaml"):
        below = said[said.index(f"{path.parent.name}=") :]
        (line, *_) = [line for line in below if line.split()[:1] == [path.stem]]
        assert line.split(maxsplit=1)[1] in path.read_text()


def test_a_broken_file_is_listed_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "sweep").mkdir()
    (tmp_path / "experiment" / "broken.yaml").write_text("# Half done.\n{[: no\n")
    (tmp_path / "experiment" / "bytes.yaml").write_bytes(b"\xff\x00\n# Not text.\n")
    (tmp_path / "experiment" / "silent.yaml").write_text("run: a\n")
    (tmp_path / "sweep" / "lost.yaml").symlink_to("nowhere")
    monkeypatch.setattr(experiments, "__file__", str(tmp_path / "__init__.py"))
    assert mirage("experiments") == 0
    said = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if line]
    assert said == [
        ["experiment="],
        ["broken", "Half done."],
        ["bytes", "Not text."],
        ["silent"],
        ["sweep="],
        ["lost", "cannot be read: No such file or directory"],
    ]


def test_scripts_are_told_of_errors_in_json(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert mirage("report", f"run={tmp_path}", "--json") == 1
    told = capfd.readouterr()
    fact = json.loads(told.out)
    assert "the poses of the run" in fact["error"] and "mirage poses" in fact["todo"]
    assert told.err == ""


def test_scripts_are_told_what_was_done(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    words = ["images", *TINY, "images.turntable.views=5", f"run={tmp_path / 'run'}"]
    assert mirage(*words, "--json") == 0
    *_, last = (json.loads(line) for line in capfd.readouterr().out.splitlines())
    assert last["done"] == "images" and "60 usable" in last["said"]
    assert mirage(*words, "--quiet") == 0
    assert capfd.readouterr() == ("", "")
    assert mirage(*words[:-1], f"run={tmp_path / 'none'}", "images.min_count=99", "-q") == 1
    told = capfd.readouterr()
    assert told.out == "" and "60 usable photos" in told.err


def test_a_run_that_cannot_be_written_ends_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("taken").touch()
    assert mirage("images", "run=taken/run") == 1
    said = capsys.readouterr().err
    assert said.startswith("mirage: cannot be read or written: Not a directory")
    assert "where: taken" in said and "Traceback" not in said


def piped(*words: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """One command in a process of its own."""
    return subprocess.run([sys.executable, "-m", "mirage.cli", *words], **options, check=False)


def test_a_terminal_of_another_encoding_is_told_all_the_same(tmp_path: Path) -> None:
    for words in (["images", f"images.path={tmp_path}/→/Käfer"], ["--help"]):
        environment = os.environ | {"PYTHONIOENCODING": "latin-1"}
        done = piped(*words, env=environment, capture_output=True, cwd=tmp_path)
        assert b"Traceback" not in done.stderr and b"Error:" not in done.stderr
        assert done.stdout or b"\\u2192/K\xe4fer does not exist" in done.stderr


@pytest.mark.parametrize("words", [["experiments"], ["--help"], ["nonsense"]])
def test_a_reader_that_goes_away_ends_a_command_quietly(words: list[str]) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    done = piped(*words, stdout=writes, stderr=subprocess.PIPE)
    os.close(writes)
    assert done.returncode == (1 if words == ["nonsense"] else 141)
    assert b"Traceback" not in done.stderr and b"BrokenPipe" not in done.stderr


def test_a_photo_may_be_named_like_an_override_and_from_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a=b.png").write_bytes(b"no picture")
    assert mirage("assign", "~/a=b.png", "run=~/none") == 1
    said = capsys.readouterr().err  # the photo is known to be there: it is the run that is not
    assert "the poses of the run" in said and str(tmp_path / "none") in said
