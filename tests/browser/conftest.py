"""One browser for all tests, one service for each file, and one that has done business."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from business import Business, doing_business
from playwright.sync_api import Browser, sync_playwright
from service import Service

#: Nothing is fetched, updated or told to anybody.
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-color-profile=srgb",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path="/usr/bin/chromium", headless=True, args=QUIET)
        yield started
        started.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    started = Service(Path(tmp_path_factory.mktemp("service")))
    yield started
    started.end()


@pytest.fixture(scope="session")
def business(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Business]:
    with doing_business(Path(tmp_path_factory.mktemp("business"))) as goes_on:
        yield goes_on
