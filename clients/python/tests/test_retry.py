"""What is sent again, how often, after how long, and what never is."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any

import httpx2
import pytest

import tollgate
from tollgate import AsyncClient, Client

QUOTA = {"quota_type": "processing_count", "limit": 10, "used": 1, "reserved": 0, "remaining": 9}
USAGE = {"usage_id": "0198c0de-0000-7000-8000-000000000001", "quota": QUOTA}

Answer = httpx2.Response | Exception


class Service:
    """Answers one after the other, and what it was asked."""

    def __init__(self, answers: Iterable[Answer]) -> None:
        self._answers = iter(answers)
        self.requests: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def keys(self) -> set[str]:
        return {request.headers["idempotency-key"] for request in self.requests}


def good(body: Any = None) -> httpx2.Response:
    return httpx2.Response(200, json=body or USAGE)


def bad(status: int, code: str, **headers: str) -> httpx2.Response:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.Response(status, json={"code": code, "status": status}, headers=told)


class Pauses(list[float]):
    """Every pause, instead of waiting."""

    def wait(self, seconds: float) -> None:
        self.append(seconds)

    async def wait_awaited(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Pauses:
    pauses = Pauses()
    monkeypatch.setattr("tollgate.client.time.sleep", pauses.wait)
    monkeypatch.setattr("tollgate.client.asyncio.sleep", pauses.wait_awaited)
    return pauses


Sends = Callable[[Service], Any]


def consume(service: Service) -> Any:
    with Client("http://s", api_key="k", transport=httpx2.MockTransport(service)) as client:
        return client.quota.consume("dicom_processing")


TRANSIENT: list[Callable[[], Answer]] = [
    lambda: httpx2.ConnectError("refused"),
    lambda: httpx2.ReadTimeout("late"),
    lambda: httpx2.RemoteProtocolError("cut off"),
    lambda: bad(409, "idempotency_in_progress", retry_after="1"),
    lambda: bad(429, "rate_limited", retry_after="1"),
    lambda: bad(502, "provider_error"),
    lambda: bad(503, "unavailable"),
    lambda: httpx2.Response(504, text="<html>"),
]


@pytest.mark.parametrize("failure", TRANSIENT)
def test_two_more_tries_under_the_same_key(failure: Callable[[], Answer], pauses: Pauses) -> None:
    service = Service([failure(), failure(), good()])
    assert consume(service).quota.remaining == 9
    assert len(service.requests) == 3
    assert len(service.keys) == 1
    assert len(pauses) == 2
    assert all(pause > 0 for pause in pauses)


@pytest.mark.parametrize("failure", TRANSIENT)
def test_not_a_fourth_time(failure: Callable[[], Answer], pauses: Pauses) -> None:
    service = Service(failure() for _ in itertools.count())
    with pytest.raises(tollgate.TollgateError):
        consume(service)
    assert len(service.requests) == 3
    assert len(pauses) == 2


@pytest.mark.parametrize(
    "failure",
    [
        bad(429, "quota_exceeded", retry_after="1"),
        bad(429, "quota_exceeded"),
        bad(402, "subscription_required"),
        bad(401, "token_expired"),
        bad(403, "permission_denied"),
        bad(404, "not_found"),
        bad(409, "reservation_settled"),
        bad(422, "validation_failed"),
        bad(500, "internal"),
        bad(503, "payments_not_configured"),
    ],
)
def test_never_again(failure: httpx2.Response, pauses: Pauses) -> None:
    service = Service(itertools.repeat(failure))
    with pytest.raises(tollgate.TollgateError):
        consume(service)
    assert len(service.requests) == 1
    assert pauses == []


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("failure", "tries"),
    [(bad(503, "unavailable"), 3), (bad(429, "quota_exceeded"), 1)],
)
async def test_the_client_that_is_awaited_does_the_same(
    failure: httpx2.Response, tries: int, pauses: Pauses
) -> None:
    service = Service(itertools.repeat(failure))
    transport = httpx2.MockTransport(service)
    async with AsyncClient("http://s", api_key="k", transport=transport) as client:
        with pytest.raises(tollgate.TollgateError):
            await client.quota.consume("dicom_processing")
    assert len(service.requests) == tries
    assert len(service.keys) == 1
    assert len(pauses) == tries - 1


def test_what_was_told_is_waited_for(pauses: Pauses) -> None:
    consume(Service([bad(429, "rate_limited", retry_after="7"), good()]))
    assert 7 <= pauses[0] < 8


def test_too_long_is_not_waited_for(pauses: Pauses) -> None:
    service = Service([bad(429, "rate_limited", retry_after="3600")])
    with pytest.raises(tollgate.RateLimited) as raised:
        consume(service)
    assert raised.value.retry_after == 3600
    assert pauses == []


def test_pauses_grow_and_are_drawn(pauses: Pauses) -> None:
    for _ in range(50):
        consume(Service([bad(503, "unavailable"), bad(503, "unavailable"), good()]))
    first, second = pauses[::2], pauses[1::2]
    assert all(0.125 <= pause <= 0.25 for pause in first)
    assert all(0.25 <= pause <= 0.5 for pause in second)
    assert len(set(first)) > 40


@pytest.mark.parametrize(
    ("failure", "tries"),
    [
        # It may have arrived: a second account must not come of it.
        (httpx2.ReadTimeout("late"), 1),
        (bad(502, "unavailable"), 1),
        # It never left, or was turned away.
        (httpx2.ConnectError("refused"), 3),
        (bad(429, "rate_limited", retry_after="0"), 3),
    ],
)
def test_what_must_not_happen_twice(failure: Answer, tries: int, pauses: Pauses) -> None:
    service = Service(itertools.repeat(failure))
    with Client("http://s", transport=httpx2.MockTransport(service)) as client:
        with pytest.raises(tollgate.TollgateError):
            client.auth.register("ann@example.com", "ann", "plum orchard lantern 7")
    assert len(service.requests) == tries
    assert len(pauses) == tries - 1


def test_a_key_of_ones_own_is_kept() -> None:
    service = Service([good()])
    with Client("http://s", api_key="k", transport=httpx2.MockTransport(service)) as client:
        client.quota.consume("dicom_processing", idempotency_key="job-7")
    assert service.keys == {"job-7"}


def test_two_calls_have_two_keys() -> None:
    service = Service([good(), good()])
    with Client("http://s", api_key="k", transport=httpx2.MockTransport(service)) as client:
        client.quota.consume("dicom_processing")
        client.quota.consume("dicom_processing")
    assert len(service.keys) == 2


def test_a_redirection_does_not_take_the_key_along() -> None:
    service = Service([httpx2.Response(307, headers={"location": "http://elsewhere/"})])
    with pytest.raises(tollgate.TollgateError) as raised:
        consume(service)
    assert raised.value.status == 307
    assert [request.url.host for request in service.requests] == ["s"]


def test_no_try_begins_too_late(monkeypatch: pytest.MonkeyPatch, pauses: Pauses) -> None:
    """A service that hangs: the second try would begin after the time is over."""
    now = [0.0]
    monkeypatch.setattr("tollgate.retry.time.monotonic", lambda: now[0])

    def hangs(request: httpx2.Request) -> httpx2.Response:
        now[0] += 5
        raise httpx2.ReadTimeout("late", request=request)

    transport = httpx2.MockTransport(hangs)
    with Client("http://s", api_key="k", transport=transport, within=2.0) as client:
        with pytest.raises(tollgate.Unavailable):
            client.quota.consume("dicom_processing")
    assert (now[0], pauses) == (5, [])
    with Client("http://s", api_key="k", transport=transport, within=8.0) as client:
        with pytest.raises(tollgate.Unavailable):
            client.quota.consume("dicom_processing")
    assert (now[0], len(pauses)) == (15, 1)
