"""What people do on the pages, in their own words: everything is found as a reader finds it."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field

from playwright.sync_api import Page, expect
from reader import Reader
from service import ADMIN, Service

@dataclass
class Person:
    """Somebody with an account."""

    name: str
    password: str = field(default_factory=lambda: secrets.token_urlsafe(18))

    @property
    def email(self) -> str:
        return f"{self.name}@example.com"


def submit(page: Page, form: str) -> None:
    """Sends a form by its one main button; back when the next page is there."""
    with page.expect_navigation():
        page.locator(f"{form} button[type=submit]").last.click()


def register(reader: Reader, person: Person) -> None:
    page = reader.open("/portal/register")
    page.locator("#email").fill(person.email)
    page.locator("#username").fill(person.name)
    page.locator("#password").fill(person.password)
    submit(page, "main form")


def sign_in(reader: Reader, person: Person) -> None:
    page = reader.open("/portal/login")
    page.locator("#name").fill(person.email)
    page.locator("#password").fill(person.password)
    submit(page, "main form")


def sign_in_as_admin(reader: Reader, service: Service) -> None:
    page = reader.open("/portal/login?next=/console")
    page.locator("#name").fill(ADMIN)
    page.locator("#password").fill(service.password)
    submit(page, "main form")
    expect(page).to_have_url(re.compile("/console$"))


def order(reader: Reader, plan: str, method: str) -> Page:
    """From the prices to the hosted checkout."""
    page = reader.open("/portal/pricing")
    reader.look("prices")
    page.goto(f"{reader.url}/portal/subscribe?plan={plan}")
    reader.look("the preview")
    page.locator(f"input[name=method][value={method}]").check()
    submit(page, "main form:has(input[name=method])")
    expect(page).to_have_url(re.compile("/checkout/"))
    return page


def pay(reader: Reader) -> None:
    """The buyer's thumb, without their phone: for tests that are about what comes after."""
    page = reader.page
    number = page.locator("#order").inner_text()
    own = page.locator(".own a")
    if own.count():
        # There is nothing to pay before the provider's page was opened.
        page.context.request.get(reader.url + str(own.get_attribute("href")))
    paid = page.context.request.post(f"{reader.url}/sandbox/pay/{number}/pay")
    assert paid.ok, paid.text()
    expect(page.locator("#status")).to_have_class(re.compile("completed"), timeout=20_000)
