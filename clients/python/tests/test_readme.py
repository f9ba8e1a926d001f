"""What the README shows is run as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from town import Town

from tollgate.testing import FakeTollgate

FOLDER = Path(__file__).parent.parent
READMES = ["README.md", "README.zh-CN.md"]


def blocks(name: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (FOLDER / name).read_text(), re.DOTALL)


def lines(code: str) -> int:
    """Lines that somebody writes: blank ones left out."""
    return len([line for line in code.splitlines() if line.strip()])


@pytest.mark.parametrize("name", READMES)
def test_the_quick_start(name: str, town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    code = blocks(name)[0]
    assert lines(code) < 15
    monkeypatch.setenv("TOLLGATE_URL", town.url)
    monkeypatch.setenv("TOLLGATE_SERVICE_KEY", town.service_key("quota"))
    told: dict[str, Any] = {}
    exec(compile(code, name, "exec", dont_inherit=True), told)
    person = town.buyer(1)
    with TestClient(told["app"]) as http:
        assert http.post("/process").status_code == 401
        headers = {"authorization": f"Bearer {person.key}"}
        answer = http.post("/process", headers=headers)
        assert answer.json() == {"processed for": person.email}
        assert person.meter() == (1, 0)
        answer = http.post("/process", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (429, "quota_exceeded")


@pytest.mark.parametrize("name", READMES)
def test_the_client(
    name: str, town: Town, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = blocks(name)[1]
    assert lines(code) < 15
    monkeypatch.setenv("TOLLGATE_URL", town.url)
    key = town.buyer(1).key
    for words in ("0 left", "more at http"):
        exec(compile(code, name, "exec", dont_inherit=True), {"key": key})
        assert words in capsys.readouterr().out


@pytest.mark.parametrize("name", READMES)
def test_the_stand_in(name: str) -> None:
    code = blocks(name)[3].replace("assert", "fake.client(ann.key).quota.consume('x')\nassert")
    told: dict[str, Any] = {}
    exec(compile(code, name, "exec", dont_inherit=True), told)
    assert isinstance(told["fake"], FakeTollgate)


def test_both_languages_show_the_same_code() -> None:
    english, chinese = ([re.sub(r" *#.*\n?", "\n", b) for b in blocks(name)] for name in READMES)
    assert english == chinese
    assert len(english) == 4
