"""Somebody with a browser: at a desk or with a phone, reading Chinese or English. Nothing goes wrong unseen: an error of the
console, a refused policy, an answer of 5xx or a request to another host ends the test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page

SIZES = {"desk": (1280, 900), "phone": (390, 844)}
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.0 Mobile/15E148 Safari/604.1"
)
AXE = Path(os.environ["BROWSER_AXE"]).read_text()
#: WCAG 2.2 AA and below, and what axe holds for good practice.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


class Reader:
    """A page that is open, and what was seen of it."""

    def __init__(self, page: Page, url: str, size: str, language: str) -> None:
        self.page, self.url, self.size, self.language = page, url, size, language
        self.faults: list[str] = []
        page.on("console", lambda said: self._said(said.type, said.text))
        page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        page.on("request", self._asked)
        page.on("response", lambda answer: self._answered(answer.status, answer.url))
        #: Refusals that a test wants to see are shown as errors of the console too.
        self.expected: set[int] = set()

    def _said(self, kind: str, text: str) -> None:
        if kind == "error" and not any(f"status of {status}" in text for status in self.expected):
            self.faults.append(f"console: {text}")

    def _asked(self, request: Any) -> None:
        asked = urlsplit(request.url)
        if asked.scheme in ("http", "https", "ws", "wss") and asked.netloc != urlsplit(self.url).netloc:
            self.faults.append(f"another host: {request.url}")

    def _answered(self, status: int, url: str) -> None:
        if status >= 500 and status not in self.expected:
            self.faults.append(f"{status}: {url}")

    def open(self, path: str) -> Page:
        """A page of the house, by its path."""
        self.page.goto(path if path.startswith("http") else self.url + path)
        return self.page

    def look(self, what: str = "") -> None:
        """No violation for axe in either theme, and nothing wider than the screen."""
        html = self.page.locator("html")
        chosen = html.get_attribute("data-theme")
        self.page.evaluate(AXE)
        # What is not a matter of colour is the same in both.
        for theme, rules in (("light", RULES), ("dark", ["color-contrast"])):
            self._wear(theme, chosen)
            kind = "rule" if theme == "dark" else "tag"
            wish = {"runOnly": {"type": kind, "values": rules}, "resultTypes": ["violations"]}
            found = self.page.evaluate("wish => axe.run(wish)", wish)
            told = [
                f"{fault['id']}: {fault['help']}: " + " | ".join(node["html"][:160] for node in fault["nodes"][:3])
                for fault in found["violations"]
            ]
            assert not told, f"{what or self.page.url} ({theme}): " + "\n".join(told)
        self._wear("light", chosen)
        self.fits(what)

    def fits(self, what: str = "") -> None:
        """Nothing is wider than the screen."""
        wide, room = self.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert wide <= room, f"{what or self.page.url}: {wide} px wide, {room} px are there"

    def _wear(self, theme: str, chosen: str | None) -> None:
        """The pages of the house are told; those of the sandbox look at the device."""
        if chosen is None:
            self.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        else:
            self.page.locator("html").evaluate("(html, theme) => { html.dataset.theme = theme }", theme)

    def shoot(self, name: str) -> None:
        """A picture for the documents, if they are asked for."""
        folder = os.environ.get("SCREENSHOTS")
        if not folder:
            return
        Path(folder).mkdir(parents=True, exist_ok=True)
        for theme in ("light", "dark"):
            self._wear(theme, "chosen")
            self.page.screenshot(path=str(Path(folder) / f"{name}-{theme}.png"))


@contextmanager
def reading(browser: Browser, url: str, size: str, language: str, **more: Any) -> Iterator[Reader]:
    """A browser without cookies, closed at the end; then nothing may have gone wrong."""
    width, height = SIZES[size]
    settings: dict[str, Any] = {
        "viewport": {"width": width, "height": height},
        "locale": {"zh": "zh-CN", "en": "en-GB"}[language],
        "timezone_id": "Asia/Shanghai",
        "reduced_motion": "reduce",
        **more,
    }
    if size == "phone":
        settings = {"user_agent": PHONE, "is_mobile": True, "has_touch": True, **settings}
    context = browser.new_context(**settings)
    context.set_default_timeout(15_000)
    try:
        reader = Reader(context.new_page(), url, size, language)
        yield reader
        assert not reader.faults, "\n".join(reader.faults)
    finally:
        context.close()
