"""The whole purchase: register, choose, pay with the phone in hand, and see what one has. On each rail, at desk and phone
size, in both languages."""

from __future__ import annotations

import itertools
import re

import pytest
from people import Person, order, register
from playwright.sync_api import Browser, Page, expect
from reader import SIZES, reading
from service import Service

PEOPLE = itertools.count(1)


def pay_on_the_phone(page: Page) -> None:
    """The look-alike's own page, with one button that pays."""
    page.locator("button.primary").first.click()
    page.wait_for_load_state()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("rail", ["alipay", "wechat", "stripe"])
def test_somebody_buys_a_plan(browser: Browser, service: Service, rail: str, language: str, size: str) -> None:
    person = Person(f"{rail}{size}{language}{next(PEOPLE)}")
    with reading(browser, service.url, size, language) as reader:
        register(reader, person)
        reader.look("just registered")
        page = order(reader, "pro", rail)
        reader.look("the checkout")
        place = page.url
        code = page.locator("img.qr:visible")
        if code.count():
            # A second device scans it: the desk's page tells by itself.
            link = page.locator("a[rel=noreferrer]").first.get_attribute("href")
            assert link
            phone = page.context.new_page()
            phone.goto(link)
            pay_on_the_phone(phone)
            phone.close()
        else:
            page.locator(".own a").click()
            pay_on_the_phone(page)
            approve = page.locator("button[value=approve]")
            if approve.count():
                approve.click()
            # Back in the browser, as one comes back from an app.
            page.goto(place)
        expect(page.locator("#status")).to_have_class(re.compile("completed"), timeout=20_000)
        reader.look("paid")
        page.locator("a[href^='/portal/payments/']").click()
        reader.look("the receipt")
        page = reader.open("/portal")
        reader.look("the overview")
        page = reader.open("/portal/subscription")
        reader.look("the subscription")
        expect(page.locator(".state.ok").first).to_be_visible()
