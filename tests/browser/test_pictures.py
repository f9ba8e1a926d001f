"""The main pages as people see them when business goes on: full of rows, lines and money. With `SCREENSHOTS` they are the
pictures of the documents, in both themes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from business import Business
from people import Person, sign_in, sign_in_as_admin
from playwright.sync_api import Browser, Page, expect
from reader import Reader, reading

PLACES = pytest.mark.parametrize(("size", "language"), [("desk", "en"), ("desk", "zh"), ("phone", "zh")])

#: Those that the documents show.
SHOWN = {"pricing", "checkout", "overview", "usage", "why", "console", "transaction", "user"}


def signed_in(browser: Browser, business: Business, size: str, language: str, who: Person | None) -> Iterator[Reader]:
    with reading(browser, business.service.url, size, language) as reader:
        if who is None:
            sign_in_as_admin(reader, business.service)
        else:
            sign_in(reader, who)
        # The account's own language would be the first start's.
        reader.open(f"/portal?lang={language}")
        yield reader


def picture(reader: Reader, path: str, name: str) -> Page:
    page = reader.open(path)
    reader.look(path)
    if name in SHOWN:
        reader.shoot(f"{name}-{reader.size}-{reader.language}")
    return page


@PLACES
def test_pictures_of_a_buyer(browser: Browser, business: Business, size: str, language: str) -> None:
    for reader in signed_in(browser, business, size, language, business.buyer):
        page = picture(reader, "/portal", "overview")
        expect(page.locator("svg").first).to_be_visible()
        picture(reader, "/portal/subscription", "subscription")
        page = picture(reader, "/portal/usage", "usage")
        expect(page.locator("figure svg").first).to_be_visible()
        picture(reader, "/portal/usage/why", "why")
        picture(reader, "/portal/keys", "keys")
        page = picture(reader, "/portal/payments", "payments")
        receipt = page.locator("a[href^='/portal/payments/']").first.get_attribute("href")
        picture(reader, str(receipt), "receipt")
        picture(reader, "/portal/subscribe?plan=enterprise", "preview")


@PLACES
def test_pictures_of_a_purchase(browser: Browser, business: Business, size: str, language: str) -> None:
    for reader in signed_in(browser, business, size, language, business.visitor):
        picture(reader, "/portal/pricing", "pricing")
        token = business.service.token(business.visitor.email, business.visitor.password)
        order = business.service.order(token, "pro", "alipay")
        page = picture(reader, order["payment"]["checkout_url"], "checkout")
        expect(page.locator("#status")).to_be_visible()


@PLACES
def test_pictures_of_the_console(browser: Browser, business: Business, size: str, language: str) -> None:
    for reader in signed_in(browser, business, size, language, None):
        page = picture(reader, "/console", "console")
        expect(page.locator("figure svg").first).to_be_visible()
        page = picture(reader, "/console/transactions", "transactions")
        page.goto(f"{reader.url}/console/transactions?status=completed")
        one = page.locator("td a[href^='/console/transactions/']").first.get_attribute("href")
        picture(reader, str(one), "transaction")
        picture(reader, f"{one}/refund", "refund")
        page = picture(reader, "/console/users?q=lin.yue", "users")
        user = page.locator("td a[href^='/console/users/']").first.get_attribute("href")
        picture(reader, str(user), "user")
        picture(reader, "/console/plans/pro", "plan")
        picture(reader, "/console/usage", "console-usage")
        picture(reader, "/console/callbacks", "callbacks")
        picture(reader, "/console/settings", "settings")
