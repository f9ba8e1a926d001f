"""What an operator does: sees everything, and refunds a payment once."""

from __future__ import annotations

import re

import pytest
from people import Person, register, sign_in_as_admin, submit
from playwright.sync_api import Browser, expect
from reader import reading
from service import Service

SIZED = pytest.mark.parametrize(("size", "language"), [("desk", "en"), ("phone", "zh")])


@SIZED
def test_an_operator_refunds_a_payment(browser: Browser, service: Service, size: str, language: str) -> None:
    token = service.buyer(f"refunded{size}@example.com")
    order = service.order(token, "pro", "alipay")["payment"]
    with reading(browser, service.url, size, language) as reader:
        sign_in_as_admin(reader, service)
        page = reader.page
        page.context.request.post(f"{service.url}/sandbox/pay/{order['qr_content'].rpartition('/')[2]}/pay")
        page = reader.open("/console/transactions")
        reader.look("the transactions")
        page.locator("a[href^='/console/transactions/']:not([href*='csv'])").first.click()
        reader.look("a transaction")
        submit(page, "form[action$='/sync']")
        page.locator("a[href$='/refund']").click()
        reader.look("a refund")
        form = "main form:has([name=amount])"
        amount = page.locator(f"{form} [name=amount]")
        if not amount.input_value():
            amount.fill("99.00")
        page.locator(f"{form} [name=again]").fill(amount.input_value())
        page.locator(f"{form} [name=reason]").fill("asked for by the buyer")
        submit(page, form)
        expect(page.locator(".notice.ok, .state").first).to_be_visible()
        reader.look("refunded")
    gone = service.get("/payments/transactions", token)["data"][0]
    assert gone["status"] == "refunded", gone


@SIZED
def test_every_page_of_the_console_is_whole(browser: Browser, service: Service, size: str, language: str) -> None:
    with reading(browser, service.url, size, language) as reader:
        sign_in_as_admin(reader, service)
        for path in [
            "/console",
            "/console/users",
            "/console/users/new",
            "/console/plans",
            "/console/plans/pro",
            "/console/subscriptions",
            "/console/transactions",
            "/console/refunds",
            "/console/suspense",
            "/console/usage",
            "/console/callbacks",
            "/console/webhooks",
            "/console/keys",
            "/console/audit",
            "/console/jobs",
            "/console/settings",
        ]:
            page = reader.open(path)
            assert page.locator("h1").count() == 1, path
            reader.look(path)


def test_a_buyer_has_no_console(browser: Browser, service: Service) -> None:
    with reading(browser, service.url, "desk", "en") as reader:
        register(reader, Person("curious"))
        reader.expected = {403}
        page = reader.open("/console/transactions")
        expect(page.locator("h1")).to_be_visible()
        assert not re.search("console/refunds", page.content())
        reader.look("refused")
