"""Every page with its sample data: with nothing, one and a thousand rows, very long words, and what people write to break
pages. In both languages, at desk and phone size, in both themes."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from reader import Reader, reading

SAMPLES = Path(os.environ["PAGE_SAMPLES"])
STATIC = Path(__file__).parents[2] / "crates" / "server" / "static"
NAMES = sorted(path.stem for path in SAMPLES.glob("*.html"))


class Quiet(SimpleHTTPRequestHandler):
    """The samples at `/`, what they load at `/static/`, the rest is empty."""

    def translate_path(self, path: str) -> str:
        if path.startswith("/static/"):
            return str(STATIC / Path(path).name)
        return str(SAMPLES / Path(path).name)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def samples() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(SAMPLES)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_there_are_samples() -> None:
    assert len(NAMES) > 20, NAMES


@pytest.fixture(scope="module")
def phone(browser: Browser, samples: str) -> Iterator[Reader]:
    # One page for all: it is the samples that are new each time.
    with reading(browser, samples, "phone", "en") as opened:
        yield opened


@pytest.fixture(scope="module")
def desk(browser: Browser, samples: str) -> Iterator[Reader]:
    with reading(browser, samples, "desk", "zh") as opened:
        yield opened


def shown(reader: Reader, name: str) -> None:
    page = reader.open(f"/{name}.html")
    assert page.locator("h1").count() == 1
    # A thousand rows are the same row: a few of them tell all.
    page.evaluate("() => document.querySelectorAll('tbody').forEach(b => [...b.rows].slice(12).forEach(r => r.remove()))")


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_is_whole_on_a_phone(phone: Reader, name: str) -> None:
    shown(phone, name)
    # The languages differ in their words: one of them tells of the rest.
    if name.endswith("-en"):
        phone.look(name)
    else:
        phone.fits(name)
    assert not phone.faults, phone.faults


@pytest.mark.parametrize("name", [name for name in NAMES if "1000" in name or "long" in name])
def test_a_full_sample_fits_on_a_desk(desk: Reader, name: str) -> None:
    shown(desk, name)
    desk.fits(name)
    assert not desk.faults, desk.faults
