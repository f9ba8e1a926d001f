"""The wheel holds what is imported, typed, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

from tollgate import __version__

FOLDER = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(command, cwd=FOLDER, check=True, capture_output=True, timeout=120)
    (built,) = out.glob("*.whl")
    return zipfile.ZipFile(built)


def test_what_is_inside(wheel: zipfile.ZipFile) -> None:
    source = FOLDER / "src"
    expected = {
        str(path.relative_to(source))
        for path in source.rglob("*")
        if path.suffix == ".py" or path.name == "py.typed"
    }
    inside = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert inside == expected
    assert {
        "tollgate/py.typed",
        "auth_service/dependencies.py",
        "payment_service/quota.py",
    } < inside


def test_what_it_says_of_itself(wheel: zipfile.ZipFile) -> None:
    (name,) = (n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
    told = message_from_bytes(wheel.read(name))
    assert (told["Name"], told["Version"]) == ("tollgate", __version__)
    assert told["Requires-Python"] == ">=3.11"
    needs = told.get_all("Requires-Dist") or []
    assert sorted(n.split(">")[0].split("=")[0] for n in needs if "extra" not in n) == [
        "httpx2<3,",
        "pyjwt[crypto]<3,",
    ]
    assert set(told.get_all("Provides-Extra") or []) == {"fastapi", "flask", "server"}


def test_the_core_needs_no_framework() -> None:
    """`import tollgate` and its clients work where neither FastAPI nor Flask is installed."""
    code = (
        "import sys; sys.modules.update(fastapi=None, flask=None, starlette=None)\n"
        "import tollgate, tollgate.testing, tollgate.webhooks\n"
        "fake = tollgate.testing.FakeTollgate(); ann = fake.add_user('a@x.io', plan='free')\n"
        "print(fake.client(ann.key).quota.consume('x').quota.remaining)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.stdout == "9\n", ran.stderr
