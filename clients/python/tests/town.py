"""A real service, people who buy there, and applications beside it."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
import uvicorn

from tollgate import Client

PATIENCE = 10.0
PASSWORD = "plum orchard lantern 7"


def named_program() -> str:
    """The program of `TOLLGATE_BINARY`; without it nothing is skipped, it fails."""
    named = os.environ.get("TOLLGATE_BINARY", "")
    if not Path(named).is_file():
        pytest.fail("TOLLGATE_BINARY names no program: ./run-tests PROGRAM sets it", pytrace=False)
    return named


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Server:
    """A service of its own, in a folder of its own."""

    def __init__(self, program: str, folder: Path, **settings: str) -> None:
        self.program, self.folder, self.settings = program, folder, settings
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.admin_email = "admin@example.com"
        self.admin_password = secrets.token_urlsafe(24)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = {
            k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "TOLLGATE_URL")
        }
        environment |= {
            "ADDR": f"127.0.0.1:{self.port}",
            "PUBLIC_URL": self.url,
            "DATA_DIR": str(self.folder),
            "SANDBOX": "on",
            "RATE_LIMIT_PER_MINUTE": "0",
            "LOG_LEVEL": "warn",
            "ADMIN_EMAIL": self.admin_email,
            "ADMIN_PASSWORD": self.admin_password,
            **self.settings,
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.program, "serve"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        begun = time.monotonic()
        while True:
            try:
                httpx2.get(f"{self.url}/health", timeout=2, trust_env=False).raise_for_status()
                return
            except httpx2.HTTPError:
                log_text = (self.folder / "log").read_text()
                assert self.process.poll() is None, f"the server ended: {log_text}"
                assert time.monotonic() - begun < 30, f"the server does not answer: {log_text}"
                time.sleep(0.05)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)


@dataclass
class Person:
    """A buyer at the real service."""

    id: str
    email: str
    token: str
    key: str
    url: str

    def meter(self) -> tuple[int, int]:
        with Client(self.url, access_token=self.token) as client:
            quota = client.quota.check("dicom_processing").quota
        assert quota is not None
        return quota.used, quota.reserved

    def until(self, used: int, reserved: int) -> None:
        begun = time.monotonic()
        while (stands := self.meter()) != (used, reserved):
            assert time.monotonic() - begun < PATIENCE, f"{stands}, not {(used, reserved)}"
            time.sleep(0.02)


class Town:
    """What an operator and buyers do at a service."""

    def __init__(self, url: str, email: str, password: str) -> None:
        self.url, self.email, self.password = url, email, password
        self._http = httpx2.Client(base_url=url, timeout=30, trust_env=False)
        self._admin: tuple[float, str] | None = None

    @property
    def admin(self) -> str:
        """A fresh enough sign-in: what is sensitive takes one of the last five minutes."""
        if self._admin is None or time.monotonic() - self._admin[0] > 120:
            with Client(self.url) as client:
                token = client.auth.login(self.email, self.password).access_token
            self._admin = (time.monotonic(), token)
        return self._admin[1]

    def ask(self, method: str, path: str, body: Any = None, token: str | None = None) -> Any:
        headers = {"authorization": f"Bearer {token or self.admin}"}
        response = self._http.request(method, path, json=body, headers=headers)
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text}"
        return response.json() if response.content else None

    def service_key(self, *scopes: str) -> str:
        wish = {"name": "tests", "scopes": list(scopes) or ["quota"]}
        return str(self.ask("POST", "/admin/service-keys", wish)["key"])

    def plan(self, units: int | None, **costs: int) -> str:
        slug = f"tests-{uuid4().hex[:8]}"
        wish = {
            "slug": slug,
            "name": slug,
            "price": "0.00",
            "currency": "CNY",
            "billing_cycle": "monthly",
            "quota_type": "processing_count",
            "quota_limit": units,
            "resource_costs": costs or {"dicom_processing": 1, "*": 1},
        }
        self.ask("POST", "/admin/plans", wish)
        return slug

    def register(self) -> Person:
        name = f"ann-{uuid4().hex[:12]}"
        email = f"{name}@example.com"
        with Client(self.url) as client:
            user = client.auth.register(email, name, PASSWORD, locale="en")
            tokens = client.auth.login(email, PASSWORD)
            key = client.acting_as(tokens.access_token).auth.create_api_key("tests").key
        assert key is not None
        return Person(user.id, email, tokens.access_token, key, self.url)

    def buyer(self, units: int = 10, **costs: int) -> Person:
        """Somebody with so many units."""
        person = self.register()
        with Client(self.url, access_token=person.token) as client:
            client.payments.subscribe(self.plan(units, **costs))
        return person

    def buy_pro(self, person: Person) -> str:
        """Plays the purchase on the sandbox; gives the transaction's id."""
        with Client(self.url, access_token=person.token) as client:
            begun = client.payments.subscribe("pro", payment_method="alipay", client="pc")
            assert begun.subscription is None
            assert begun.transaction is not None
            accept = {"accept": "application/json"}
            phone = self._http.post(f"{begun.payment.qr_content}/pay", headers=accept)
            assert phone.status_code == 200, phone.text
            paid = client.payments.status(begun.transaction.id, wait=25)
        assert paid.status == "completed"
        return paid.id

    def close(self) -> None:
        self._http.close()


class Running:
    """An application behind a real listener, in a thread."""

    def __init__(self, app: Any) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        config = uvicorn.Config(
            app, host="127.0.0.1", port=self.port, log_level="critical", proxy_headers=False
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run)

    def __enter__(self) -> Running:
        self._thread.start()
        begun = time.monotonic()
        while not self._server.started:
            assert self._thread.is_alive() and time.monotonic() - begun < PATIENCE
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(30)
        assert not self._thread.is_alive(), "the application does not end"
