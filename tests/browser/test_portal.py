"""What somebody who has an account does: changes, cancels, resumes, looks at usage, makes a key, adds a second factor."""

from __future__ import annotations

import itertools
import re

import httpx2
import pyotp
import pytest
from people import Person, order, pay, register, sign_in, submit
from playwright.sync_api import Browser, expect
from reader import SIZES, Reader, reading
from service import Service

PEOPLE = itertools.count(1)
SIZED = pytest.mark.parametrize(("size", "language"), [("desk", "en"), ("phone", "zh")])


def buy(reader: Reader, plan: str) -> None:
    order(reader, plan, "alipay")
    pay(reader)


@SIZED
def test_a_plan_is_changed_cancelled_and_taken_up_again(
    browser: Browser, service: Service, size: str, language: str
) -> None:
    person = Person(f"changes{next(PEOPLE)}")
    with reading(browser, service.url, size, language) as reader:
        register(reader, person)
        buy(reader, "pro")
        page = reader.open("/portal/subscription")
        reader.look("the subscription")
        page.locator("a[href='/portal/subscription/cancel']").click()
        reader.look("what a cancellation means")
        submit(page, "main form")
        expect(page.locator("form[action='/portal/subscription/resume']")).to_be_visible()
        reader.look("cancelled")
        submit(page, "form[action='/portal/subscription/resume']")
        expect(page.locator("a[href='/portal/subscription/cancel']")).to_be_visible()
        page.locator("a[href^='/portal/subscribe?plan=']").first.click()
        expect(page.locator("table.sums")).to_be_visible()
        reader.look("a change, previewed")


@SIZED
def test_a_key_is_shown_once_and_opens_the_door(browser: Browser, service: Service, size: str, language: str) -> None:
    person = Person(f"keys{next(PEOPLE)}")
    with reading(browser, service.url, size, language) as reader:
        register(reader, person)
        page = reader.open("/portal/keys")
        reader.look("no keys yet")
        page.goto(f"{reader.url}/portal/keys/new")
        reader.look("a new key")
        page.locator("#name").fill("server")
        submit(page, "main form")
        key = page.locator("#key").inner_text().strip()
        reader.look("shown once")
        answer = httpx2.get(f"{service.url}/auth/verify", headers={"x-api-key": key})
        assert answer.status_code == 200, answer.text
        page = reader.open("/portal/keys")
        assert key not in page.content()
        reader.look("a list of one")
        page.locator("a[href$='/revoke']").click()
        reader.look("about to be revoked")
        submit(page, "main form")
    assert httpx2.get(f"{service.url}/auth/verify", headers={"x-api-key": key}).status_code == 401


@SIZED
def test_a_second_factor_is_added_and_asked_for(browser: Browser, service: Service, size: str, language: str) -> None:
    person = Person(f"factor{next(PEOPLE)}")
    with reading(browser, service.url, size, language) as reader:
        register(reader, person)
        page = reader.open("/portal/settings/second-factor")
        reader.look("before it begins")
        submit(page, "main form")
        secret = page.locator("#secret").inner_text().replace(" ", "")
        reader.look("the code to scan")
        page.locator("#code").fill(pyotp.TOTP(secret).now())
        submit(page, "main form:has(#code)")
        spare = page.locator("#codes").inner_text().split()
        assert len(spare) >= 8
        reader.look("the spare codes")
    with reading(browser, service.url, size, language) as reader:
        sign_in(reader, person)
        page = reader.page
        expect(page.locator("#code")).to_be_visible()
        reader.look("the second step")
        page.locator("#code").fill(spare[0])
        submit(page, "main form")
        expect(page).to_have_url(re.compile("/portal$"))


@SIZED
def test_every_page_of_an_account_is_whole(browser: Browser, service: Service, size: str, language: str) -> None:
    person = Person(f"looks{next(PEOPLE)}")
    with reading(browser, service.url, size, language) as reader:
        register(reader, person)
        for path in [
            "/portal",
            "/portal/subscription",
            "/portal/usage",
            "/portal/usage/calls",
            "/portal/usage/why",
            "/portal/payments",
            "/portal/settings",
            "/portal/settings/security",
            "/portal/settings/sessions",
            "/portal/settings/data",
        ]:
            reader.open(path)
            reader.look(path)
    with reading(browser, service.url, size, language) as reader:
        for path in ["/portal/login", "/portal/register", "/portal/forgot", "/portal/pricing"]:
            reader.open(path)
            reader.look(path)


@pytest.mark.parametrize("size", SIZES)
def test_without_script_it_all_works(browser: Browser, service: Service, size: str) -> None:
    person = Person(f"plain{next(PEOPLE)}")
    with reading(browser, service.url, size, "en", java_script_enabled=False) as reader:
        register(reader, person)
        page = reader.open("/portal/subscribe?plan=pro")
        page.locator("input[name=method][value=alipay]").check()
        submit(page, "main form:has(input[name=method])")
        # The page asks again by itself.
        pay(reader)
