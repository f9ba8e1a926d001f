"""One row of `bench/ways`: the median of a guarded call, of an open one, and what lies between them.

    ways.py CALLS NAME SERVICE GUARDED OPEN     the two in turn, by one caller on a connection of its own to each
    ways.py CALLS disk FOLDER                   a write of 4 KiB, and a commit of one row, that are durable
"""

from __future__ import annotations

import http.client
import os
import sqlite3
import sys
import time
from pathlib import Path
from statistics import median, quantiles
from urllib.parse import urlsplit

import httpx2

CALLS = int(sys.argv[1])


def said(name: str, times: list[float], beside: str = "") -> None:
    at = quantiles(times, n=100)
    print(f"{name}: p50 {median(times) * 1e3:.3f} ms, p99 {at[98] * 1e3:.3f} ms{beside}", flush=True)


def disk(folder: Path) -> None:
    folder.mkdir()
    file = os.open(folder / "file", os.O_CREAT | os.O_WRONLY)
    times = []
    for _ in range(min(CALLS, 1000)):
        begun = time.perf_counter()
        os.pwrite(file, b"x" * 4096, 0)
        os.fdatasync(file)
        times.append(time.perf_counter() - begun)
    said("a durable write", times)
    books = sqlite3.connect(folder / "books.db", isolation_level=None)
    books.execute("PRAGMA journal_mode=WAL")
    books.execute("PRAGMA synchronous=FULL")
    books.execute("CREATE TABLE log (id INTEGER PRIMARY KEY, text TEXT)")
    times = []
    for _ in range(min(CALLS, 1000)):
        begun = time.perf_counter()
        books.execute("INSERT INTO log (text) VALUES (?)", ("x" * 400,))
        times.append(time.perf_counter() - begun)
    said("a durable commit of SQLite", times)


def key_of_somebody(service: str) -> str:
    """Somebody new with the free plan and units to spare."""
    with httpx2.Client(base_url=service, timeout=30) as http:

        def post(path: str, token: str, **body: object) -> dict[str, str]:
            headers = {"authorization": f"Bearer {token}"} if token else {}
            return http.post(path, json=body, headers=headers).raise_for_status().json()

        name = f"b{time.time_ns():x}"
        person = {"email": f"{name}@example.com", "password": f"plum orchard {name}"}
        user = post("/auth/register", "", username=name, **person)
        token = post("/auth/login", "", **person)["access_token"]
        post("/payments/subscriptions/subscribe", token, plan_slug="free")
        admin = {"email": os.environ["CONTRACT_ADMIN_EMAIL"], "password": os.environ["CONTRACT_ADMIN_PASSWORD"]}
        admin_token = post("/auth/login", "", **admin)["access_token"]
        post(f"/admin/users/{user['id']}/grant", admin_token, units=10 * CALLS, reason="to measure")
        return post("/auth/api-keys", token, name="bench")["key"]


def caller(url: str, key: str):  # noqa: ANN201
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    method = "POST" if parts.path == "/work" else "GET"
    headers = {"authorization": f"Bearer {key}"} if key else {}

    def call() -> float:
        begun = time.perf_counter()
        connection.request(method, parts.path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        took = time.perf_counter() - begun
        if answer.status != 200:
            raise SystemExit(f"{url} answered {answer.status}")
        return took

    return call


def ways(name: str, service: str, guarded: str, plain: str) -> None:
    key = key_of_somebody(service)
    by_key, by_nobody = caller(guarded, key), caller(plain, "")
    for _ in range(100):
        by_key(), by_nobody()
    pairs = [(by_key(), by_nobody()) for _ in range(CALLS)]
    ours, theirs = ([pair[side] for pair in pairs] for side in (0, 1))
    added = median(ours) - median(theirs)
    said(name, ours, f"; open: p50 {median(theirs) * 1e3:.3f} ms; added {added * 1e3:.3f} ms")


if sys.argv[2] == "disk":
    disk(Path(sys.argv[3]))
else:
    ways(*sys.argv[2:6])
