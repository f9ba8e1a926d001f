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

#: A page with its rows, as it is sent. Styles and script are the browser's after the first page.
MOST_BYTES = 60_000
TIMES = int(os.environ.get("WEIGHT_TIMES", "3"))
BUYER = ["/portal", "/portal/subscription", "/portal/usage", "/portal/usage/why", "/portal/keys", "/portal/payments"]
GUEST = ["/portal/pricing", "/portal/login", "/portal/register", "CHECKOUT"]
STAFF = ["/console", "/console/transactions", "/console/users", "/console/plans/pro", "/console/usage", "/console/settings"]


def weigh(reader: Reader, paths: list[str]) -> list[str]:
    cookies = {cookie["name"]: cookie["value"] for cookie in reader.page.context.cookies()}
    cookies["tollgate-lang"] = reader.language
    rows = []
    with httpx2.Client(base_url=reader.url, cookies=cookies, headers={"accept": "text/html"}, timeout=30) as client:
        for path in paths:
            took, body = [], b""
            for _ in range(TIMES):
                begun = time.perf_counter()
                answer = client.get(path)
                took.append(time.perf_counter() - begun)
                assert answer.status_code == 200, path
                # A page holds the word of its forms; compressed beside what an address says, its length would tell of it.
                assert "content-encoding" not in answer.headers, path
                body = answer.content
            assert len(body) <= MOST_BYTES, f"{path}: {len(body)} bytes"
            name = path if len(path) < 40 else "/checkout/…"
            rows.append(f"| `{name}` | {len(body):,} | {statistics.median(took) * 1000:.1f} |")
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
        head = ["| page | bytes | ms, median |", "|---|---:|---:|"]
        (Path(folder) / f"pages-{language}.md").write_text("\n".join(head + rows) + "\n")
