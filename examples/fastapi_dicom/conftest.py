"""The service that the application sells by, and the application behind a listener of its own."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import httpx2
import pytest
from town import Running, Server, Town, named_program

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    server = Server(named_program(), tmp_path_factory.mktemp("server"))
    server.start()
    town = Town(server.url, server.admin_email, server.admin_password)
    yield town
    town.close()
    server.stop()


def application(folder: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"dicom_{folder}", HERE / folder / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def before() -> Iterator[httpx2.Client]:
    with Running(application("before").app) as host, httpx2.Client(base_url=host.url) as client:
        yield client


@pytest.fixture(scope="session")
def after(town: Town) -> Iterator[httpx2.Client]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TOLLGATE_URL", town.url)
        environment.setenv("TOLLGATE_SERVICE_KEY", town.service_key("quota"))
        with Running(application("after").app) as host, httpx2.Client(base_url=host.url) as client:
            yield client
