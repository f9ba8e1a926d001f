"""The real program, in a sandbox of its own, and what a test asks of it beside the pages."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2

STARTS_WITHIN = 30.0
ADMIN = "admin@example.com"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Service:
    """A started program."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.password = secrets.token_urlsafe(18)
        self.log = folder / "log"
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        env = {
            **kept,
            "ADDR": f"127.0.0.1:{port}",
            "PUBLIC_URL": self.url,
            "DATA_DIR": str(folder / "data"),
            "SANDBOX": "on",
            "RATE_LIMIT_PER_MINUTE": "0",
            "LOG_LEVEL": "warn",
            "ADMIN_EMAIL": ADMIN,
            "ADMIN_PASSWORD": self.password,
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [os.environ["BROWSER_PROGRAM"], "serve"], env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        begun = time.monotonic()
        while time.monotonic() - begun < STARTS_WITHIN:
            if self.process.poll() is not None:
                break
            with contextlib.suppress(httpx2.TransportError):
                if httpx2.get(f"{self.url}/health", timeout=2).status_code == 200:
                    return
            time.sleep(0.05)
        raise RuntimeError(f"the program does not answer: {self.log.read_text()}")

    def end(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def letters(self, to: str) -> list[dict[str, Any]]:
        """What the sandbox's mailbox has for an address, newest first."""
        answer = httpx2.get(f"{self.url}/sandbox/mail", params={"to": to}, headers={"accept": "application/json"})
        return list(answer.raise_for_status().json()["data"])

    def link(self, to: str, path: str) -> str:
        """The newest link of a letter to `to` that leads to `path`; letters leave beside the request."""
        def leading() -> list[str]:
            links = [link for letter in self.letters(to) for link in letter["links"]]
            return [str(link) for link in links if re.search(path, link)]

        self.until(lambda: bool(leading()), f"a letter to {to} that leads to {path}")
        return leading()[0]

    def advance(self, days: int) -> None:
        """Moves the sandbox's clock."""
        wish = {"advance_seconds": days * 86_400}
        httpx2.post(f"{self.url}/sandbox/clock", json=wish, timeout=120).raise_for_status()

    def token(self, email: str, password: str) -> str:
        """An access token, for what a test asks beside the pages."""
        answer = httpx2.post(f"{self.url}/auth/login", json={"email": email, "password": password}, timeout=30)
        return str(answer.raise_for_status().json()["access_token"])

    def until(self, is_so: Callable[[], bool], what: str) -> None:
        """Waits for what comes beside the request."""
        begun = time.monotonic()
        while time.monotonic() - begun < 10:
            if is_so():
                return
            time.sleep(0.05)
        raise AssertionError(f"not seen: {what}")

    def buyer(self, email: str, password: str | None = None) -> str:
        """Somebody new; gives their access token. For what a test asks beside the pages."""
        password = password or secrets.token_urlsafe(18)
        wish = {"email": email, "username": email.partition("@")[0], "password": password}
        httpx2.post(f"{self.url}/auth/register", json=wish, timeout=30).raise_for_status()
        return self.token(email, password)

    def order(self, token: str, plan: str, method: str) -> dict[str, Any]:
        """An order of a plan: `payment` with `checkout_url`."""
        wish = {"plan_slug": plan, "payment_method": method}
        headers = {"authorization": f"Bearer {token}", "idempotency-key": secrets.token_hex(8)}
        answer = httpx2.post(f"{self.url}/payments/subscriptions/subscribe", json=wish, headers=headers, timeout=30)
        return dict(answer.raise_for_status().json())

    def key(self, token: str) -> str:
        """A key of theirs, for the calls of their application."""
        headers = {"authorization": f"Bearer {token}"}
        answer = httpx2.post(f"{self.url}/auth/api-keys", json={"name": "server"}, headers=headers, timeout=30)
        return str(answer.raise_for_status().json()["key"])

    def call(self, key: str, kind: str, cost: int) -> None:
        """Something that the application did for them, charged."""
        wish = {"resource_type": kind, "cost": cost}
        httpx2.post(f"{self.url}/quota/consume", json=wish, headers={"x-api-key": key}, timeout=30).raise_for_status()

    def pay(self, order: dict[str, Any]) -> None:
        """The buyer's thumb, on the sandbox's phone."""
        number = order["payment"]["qr_content"].rpartition("/")[2]
        httpx2.get(f"{self.url}/sandbox/pay/{number}", timeout=30).raise_for_status()
        httpx2.post(f"{self.url}/sandbox/pay/{number}/pay", timeout=30, follow_redirects=True).raise_for_status()

    def get(self, path: str, token: str) -> Any:
        answer = httpx2.get(f"{self.url}{path}", headers={"authorization": f"Bearer {token}"}, timeout=30)
        return answer.raise_for_status().json()
