"""The host of the contract with nothing but HTTP: what an application in any language does.

Who asks is asked at ``/auth/verify``; units are taken by ``/quota/reserve`` before the work and settled
by ``/quota/commit`` or ``/quota/release`` after it, with a service key. The rest is the standard library's
HTTP server, one thread for each connection.
"""

from __future__ import annotations

import json
import os
import queue
import select
import socket
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2

TOLLGATE = os.environ["TOLLGATE_URL"].rstrip("/")
SERVICE_KEY = os.environ["TOLLGATE_SERVICE_KEY"]
RESOURCE = "dicom_processing"
#: What a guarded answer passes on of the service's.
TOLD = ("x-quota-limit", "x-quota-used", "x-quota-remaining", "x-quota-reset", "retry-after", "www-authenticate")
#: How often the connection is looked at while the work is going on, in seconds.
LOOK = 0.02

http = httpx2.Client(timeout=20, limits=httpx2.Limits(max_connections=64, max_keepalive_connections=64))
jobs: queue.Queue[tuple[str, bool]] = queue.Queue()


class Refused(Exception):
    """An answer of the service that is no yes; it goes to the client as it is."""

    def __init__(self, response: httpx2.Response) -> None:
        super().__init__(response.status_code)
        self.response = response


class HungUp(Exception):
    """Nobody waits for the answer any more."""


def understood(response: httpx2.Response) -> dict[str, Any]:
    if response.status_code >= 400:
        raise Refused(response)
    return dict(response.json())


def post(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """A call of the application itself."""
    # A repeat of the same call is answered as the first, so that a lost answer costs nobody anything.
    headers = {"authorization": f"Bearer {SERVICE_KEY}", "idempotency-key": uuid.uuid4().hex}
    return understood(http.post(TOLLGATE + path, headers=headers, json=body))


def settle(reservation_id: str, *, charge: bool, cost: int | None = None) -> dict[str, Any]:
    """Charges or gives back, and tells how the meter stands then."""
    body: dict[str, Any] = {"reservation_id": reservation_id}
    if charge and cost is not None:
        body["cost"] = cost
    return dict(post("/quota/commit" if charge else "/quota/release", body)["quota"])


def work_off() -> None:
    while True:
        reservation_id, works = jobs.get()
        try:
            settle(reservation_id, charge=works)
        except (Refused, httpx2.TransportError) as error:
            print(f"a hold was not settled: {error}", file=sys.stderr)


class Host(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self.handle_request()

    def do_POST(self) -> None:
        self.handle_request()

    def handle_request(self) -> None:
        self.close_connection = False
        self.rfile.read(int(self.headers.get("content-length") or 0))
        url = urlsplit(self.path)
        asked = {name: values[-1] for name, values in parse_qs(url.query).items()}
        try:
            self.route(f"{self.command} {url.path}", asked)
        except Refused as refused:
            response = refused.response
            headers = {name: response.headers[name] for name in TOLD if name in response.headers}
            body = {**response.json(), "instance": url.path}
            body.pop("valid", None)
            self.answer(response.status_code, body, headers, kind="application/problem+json")
        except httpx2.TransportError:
            self.problem(503, "unavailable", {"retry-after": "1"})
        except HungUp:
            self.close_connection = True

    def route(self, route: str, asked: dict[str, str]) -> None:
        if route == "GET /health":
            self.answer(200, {"status": "ok"})
        elif route == "GET /reports":
            self.person(plan="pro")
            self.answer(200, {"reports": []})
        elif route == "GET /ops":
            self.person(permission="admin")
            self.answer(200, {"status": "ok"})
        elif route == "POST /work":
            self.charged(1, lambda: self.work(asked))
        elif route == "POST /batch":
            self.charged(5, lambda: (200, {"made": asked["made"]}), made=int(asked["made"]))
        elif route == "POST /later":
            taken = self.take(1)
            jobs.put((taken["reservation_id"], asked["works"] == "true"))
            self.answer(202, {"status": "accepted"}, meter(taken["quota"]))
        else:
            self.problem(404, "not_found")

    def charged(self, cost: int, work: Any, *, made: int | None = None) -> None:
        """Takes units, works, and settles by what came of it, before the answer leaves."""
        taken = self.take(cost)
        if made is not None and not 1 <= made <= cost:
            self.problem(422, "validation_failed", meter(settle(taken["reservation_id"], charge=False)))
            return
        charge = False
        try:
            status, body = work()
            charge = status < 400
        except RuntimeError:
            # A bug of the application.
            status, body = 500, None
        finally:
            quota = settle(taken["reservation_id"], charge=charge, cost=made)
        if body is None:
            self.problem(status, "internal", meter(quota))
        else:
            self.answer(status, body, meter(quota))

    def work(self, asked: dict[str, str]) -> tuple[int, dict[str, Any]]:
        until = time.monotonic() + int(asked.get("slow_ms", "0")) / 1000
        while (left := until - time.monotonic()) > 0:
            if self.hung_up(min(left, LOOK)):
                raise HungUp
        if asked.get("breaks") == "true":
            raise RuntimeError("a bug of the application")
        status = int(asked.get("answer", "200"))
        return status, {"answer": status}

    def hung_up(self, wait: float) -> bool:
        """Whether the client has closed; nothing else can be read, the body is here."""
        readable, _, _ = select.select([self.connection], [], [], wait)
        if not readable:
            return False
        try:
            return self.connection.recv(1, socket.MSG_PEEK) == b""
        except OSError:
            return True

    def take(self, cost: int) -> dict[str, Any]:
        """The units of whoever asks."""
        person = self.person(scope="quota")
        return post("/quota/reserve", {"user_id": person["user"]["id"], "resource_type": RESOURCE, "cost": cost})

    def person(self, *, scope: str | None = None, **wanted: str) -> dict[str, Any]:
        """Who asks, and whether they have what is wanted: by the service, never by what a client says of itself."""
        shown = {name: self.headers[name] for name in ("authorization", "x-api-key") if name in self.headers}
        person = understood(http.get(f"{TOLLGATE}/auth/verify", headers=shown, params=wanted or None))
        if person["scopes"] is not None and scope not in person["scopes"]:
            raise Refused(_refusal(403, "permission_denied"))
        return person

    def problem(self, status: int, code: str, headers: dict[str, str] | None = None) -> None:
        body = {"type": f"urn:tollgate:problem:{code}", "code": code, "status": status, "request_id": str(uuid.uuid4())}
        self.answer(status, body, headers, kind="application/problem+json")

    def answer(
        self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None, kind: str = "application/json"
    ) -> None:
        content = b"" if status == 204 else json.dumps(body).encode()
        try:
            self.send_response(status)
            for name, value in {**(headers or {}), "content-type": kind, "content-length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """The suite says what went wrong."""


def meter(quota: dict[str, Any]) -> dict[str, str]:
    """How the meter stands, as headers."""
    if quota["limit"] is None:
        return {}
    return {
        "x-quota-limit": str(quota["limit"]),
        "x-quota-used": str(quota["used"]),
        "x-quota-remaining": str(quota["remaining"]),
    }


def _refusal(status: int, code: str) -> httpx2.Response:
    headers = {"www-authenticate": "Bearer"} if status == 401 else {}
    body = {"type": f"urn:tollgate:problem:{code}", "code": code, "status": status, "request_id": str(uuid.uuid4())}
    return httpx2.Response(status, json=body, headers=headers)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


if __name__ == "__main__":
    threading.Thread(target=work_off, daemon=True).start()
    Server(("127.0.0.1", int(sys.argv[1])), Host).serve_forever()
