"""What plays the outside: phones, the card page, the mailbox, the clock."""

from __future__ import annotations

import itertools

import pytest
from playwright.sync_api import Browser, expect
from reader import SIZES, reading
from service import Service

PEOPLE = itertools.count(1)
BOTH = pytest.mark.parametrize("language", ["zh", "en"])
SIZED = pytest.mark.parametrize("size", SIZES)


@SIZED
@BOTH
@pytest.mark.parametrize("rail", ["alipay", "wechat", "stripe"])
def test_a_phone_and_a_card_page_pay(browser: Browser, service: Service, rail: str, language: str, size: str) -> None:
    buyer = f"phone{next(PEOPLE)}"
    token = service.buyer(f"{buyer}@example.com")
    order = service.order(token, "pro", rail)["payment"]
    place = order["qr_content"] if order["kind"] == "qr" else order["url"]
    with reading(browser, service.url, size, language) as reader:
        page = reader.open(place)
        reader.look(f"{rail} before")
        page.locator("button.primary").first.click()
        approve = page.locator("button[value=approve]")
        if approve.count():
            approve.click()
        page.wait_for_load_state()
        reader.look(f"{rail} after")
        paid = service.get("/payments/subscriptions/current", token)
    assert paid["plan"]["slug"] == "pro"


@SIZED
@BOTH
def test_the_mailbox_shows_a_letter(browser: Browser, service: Service, language: str, size: str) -> None:
    person = f"mail{next(PEOPLE)}@example.com"
    service.buyer(person)
    service.link(person, "/portal/verify")
    with reading(browser, service.url, size, language) as reader:
        page = reader.open(f"/sandbox/mail?to={person}")
        reader.look("the list of letters")
        page.locator(".mails a").first.click()
        expect(page.locator("pre")).to_contain_text("/portal/verify")
        reader.look("a letter")


@SIZED
def test_the_clock_moves_a_month_and_can_be_stopped(browser: Browser, service: Service, size: str) -> None:
    with reading(browser, service.url, size, "en") as reader:
        page = reader.open("/sandbox")
        reader.look("the desk")
        page.get_by_role("button", name="+ 31 days").click()
        bar = page.locator("progress")
        expect(bar).to_be_visible()
        page.get_by_role("button", name="Stop here").click()
        expect(bar).to_have_count(0, timeout=30_000)
        expect(page.get_by_role("button", name="+ 1 day", exact=True)).to_be_visible()
