"""Four weeks of a small business: people buy a plan, and their applications use it."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from people import Person
from service import Service

DAYS = 27
#: Who buys, by which rail, on which day.
BUYERS = [
    ("lin.yue", "alipay", 0),
    ("amara", "wechat", 2),
    ("chen.hao", "alipay", 3),
    ("noor", "alipay", 6),
    ("zhou.min", "wechat", 9),
    ("elena", "alipay", 10),
    ("wang.lei", "wechat", 13),
    ("sofia", "wechat", 14),
    ("li.na", "alipay", 14),
    ("kofi", "alipay", 18),
    ("zhang.wei", "wechat", 21),
    ("ingrid", "alipay", 25),
]


@dataclass
class Business:
    service: Service
    buyer: Person
    #: Who has no plan that is paid for.
    visitor: Person


def person(service: Service, name: str) -> tuple[Person, str]:
    somebody = Person(name)
    return somebody, service.buyer(somebody.email, somebody.password)


@contextmanager
def doing_business(folder: Path) -> Iterator[Business]:
    """The program, after four weeks of it."""
    started = Service(folder)
    try:
        chance = random.Random(7)
        people: dict[str, Person] = {}
        calls: list[tuple[str, int]] = []
        for day in range(DAYS):
            for name, rail, on in BUYERS:
                if on == day:
                    people[name], token = person(started, name)
                    started.pay(started.order(token, "pro", rail))
                    paid(started, token)
                    calls.append((started.key(token), chance.randint(6, 34)))
            for (key, most), kind in itertools.product(calls, ["dicom_processing", "report"]):
                cost = chance.randint(0, most if kind == "dicom_processing" else most // 3)
                if cost:
                    started.call(key, kind, cost)
            started.advance(1)
        visitor, _ = person(started, "visitor")
        yield Business(started, people["lin.yue"], visitor)
    finally:
        started.end()


def paid(service: Service, token: str) -> None:
    """The provider's call comes beside the buyer's request."""
    service.until(lambda: service.get("/payments/transactions", token)["data"][0]["status"] == "completed", "the money")
