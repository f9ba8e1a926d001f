"""A real service for the whole run, and people who buy there."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from town import Person, Running, Server, Town, named_program

from tollgate.testing import FakeTollgate


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def program() -> str:
    return named_program()


@pytest.fixture(scope="session")
def server(program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(program, tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def town(server: Server) -> Iterator[Town]:
    town = Town(server.url, server.admin_email, server.admin_password)
    yield town
    town.close()


@pytest.fixture(scope="session")
def service_key(town: Town) -> str:
    return town.service_key("quota", "introspect", "usage.read")


@pytest.fixture
def buyer(town: Town) -> Callable[..., Person]:
    return town.buyer


@pytest.fixture
def fake() -> FakeTollgate:
    return FakeTollgate()


@pytest.fixture
def running() -> type[Running]:
    return Running
