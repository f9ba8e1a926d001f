"""What a page weighs on the wire, and how long the server makes it. With `WEIGHT` the table of the documents is written there:
times are for the documents, and nothing is asserted of them."""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path

import httpx2
import pytest
from business import Business
from people import sign_in, sign_in_as_admin
from playwright.sync_api import Browser
from reader import Reader, reading

#: A page of the portal or the console with its rows, compressed. Styles and script are the browser's after the first page.
MOST_BYTES = 30_000
TIMES = int(os.environ.get("WEIGHT_TIMES", "3"))
BUYER = ["/portal", "/portal/subscription", "/portal/usage", "/portal/usage/why", "/portal/keys", "/portal/payments"]
GUEST = ["/portal/pricing", "/portal/login", "/portal/register", "CHECKOUT"]
STAFF = ["/console", "/console/transactions", "/console/users", "/console/plans/pro", "/console/usage", "/console/settings"]


def weigh(reader: Reader, paths: list[str]) -> list[str]:
    cookies = {cookie["name"]: cookie["value"] for cookie in reader.page.context.cookies()}
    rows = []
    with httpx2.Client(base_url=reader.url, cookies=cookies, headers={"accept": "text/html"}, timeout=30) as client:
        for path in paths:
            took, sent, whole = [], 0, 0
            for _ in range(TIMES):
                begun = time.perf_counter()
                with client.stream("GET", path, headers={"accept-encoding": "gzip"}) as answer:
                    sent = sum(len(part) for part in answer.iter_raw())
                took.append(time.perf_counter() - begun)
                assert answer.status_code == 200, path
                assert answer.headers.get("content-encoding") == "gzip", path
            whole = len(client.get(path).text.encode())
            assert sent <= MOST_BYTES, f"{path}: {sent} bytes"
            name = path if len(path) < 40 else "/checkout/…"
            rows.append(f"| `{name}` | {sent:,} | {whole:,} | {statistics.median(took) * 1000:.1f} |")
    return rows


@pytest.mark.parametrize("language", ["en", "zh"])
def test_pages_are_light(browser: Browser, business: Business, language: str) -> None:
    service, rows = business.service, []
    with reading(browser, service.url, "desk", language) as reader:
        token = service.token(business.visitor.email, business.visitor.password)
        order = service.order(token, "pro", "alipay")["payment"]["checkout_url"].removeprefix(service.url)
        rows += weigh(reader, [order if path == "CHECKOUT" else path for path in GUEST])
        sign_in(reader, business.buyer)
        rows += weigh(reader, BUYER)
    with reading(browser, service.url, "desk", language) as reader:
        sign_in_as_admin(reader, service)
        rows += weigh(reader, STAFF)
    if folder := os.environ.get("WEIGHT"):
        head = ["| page | bytes, gzip | bytes, plain | ms, median |", "|---|---:|---:|---:|"]
        (Path(folder) / f"pages-{language}.md").write_text("\n".join(head + rows) + "\n")
