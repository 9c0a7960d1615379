"""Messages: to people, to scripts, or to nobody."""

from __future__ import annotations

import json
import logging

import pytest

from mirage.core.messages import begin

log = logging.getLogger("mirage.somewhere.deep")


@pytest.mark.parametrize(
    ("style", "out", "err"), [("auto", "all is well\n", "a file is gone\n"), ("quiet", "", "")]
)
def test_people_are_told_as_much_as_they_ask_for(
    style: str, out: str, err: str, capsys: pytest.CaptureFixture[str]
) -> None:
    begin(style)
    log.info("all is well")
    log.warning("a file is gone")
    assert capsys.readouterr() == (out, err)


def test_scripts_are_told_in_json(capfd: pytest.CaptureFixture[str]) -> None:
    begin("json")
    log.warning("a file is gone")
    told = capfd.readouterr()
    assert json.loads(told.out) == {"level": "warning", "message": "a file is gone"}
    assert told.err == ""


def test_of_several_processes_one_speaks(capsys: pytest.CaptureFixture[str]) -> None:
    begin("auto", speaks=False)
    log.info("all is well")
    assert capsys.readouterr() == ("", "")
    begin("auto")
    log.info("all is well")
    assert capsys.readouterr().out == "all is well\n"
