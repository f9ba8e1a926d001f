"""What a guarded route does, whatever guards it.

The suite knows an application by its URL alone; how it is guarded is its own affair. It is given by the
environment:

    CONTRACT_HOST            where the application is
    CONTRACT_TOLLGATE        where the service is
    CONTRACT_SERVICE_KEY     a service key with the scope `quota`
    CONTRACT_ADMIN_EMAIL     an admin, who makes plans and gives permissions
    CONTRACT_ADMIN_PASSWORD
    CONTRACT_WAY             how the application is guarded, a row of the table below; `python` when left out

and answers these, with `dicom_processing` as the resource:

    GET  /health                                  public
    POST /work?answer=&breaks=&slow_ms=           costs 1; answers that status, or raises an exception
    POST /batch?made=                             costs 5, charged `made`
    POST /later?works=                            costs 1, settled by a background job
    GET  /reports                                 takes the plan `pro`
    GET  /ops                                     takes the permission `admin`

What a way in cannot express is left out of its run, and nothing else is:

    way       | charge less | refuse a wrong cost | settle later | give back on failure
    ----------+-------------+---------------------+--------------+---------------------
    python    | yes         | yes                 | yes          | yes
    http      | yes         | yes                 | yes          | yes
    rust      | yes         | yes                 | yes          | yes
    proxy     | yes         | no                  | no           | yes
    forward   | no          | no                  | no           | no

`proxy` is `tollgate proxy`: the answer says what it cost (`X-Quota-Cost`, 0 to what was set aside), and is no
place to refuse a wrong one. `forward` is a proxy that asks `/auth/forward?consume=1`, which charges on admission.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest


def table() -> dict[str, set[str]]:
    """By way in, what it cannot express: read from the table above, so that there is one."""
    rows = [[cell.strip() for cell in line.split("|")] for line in (__doc__ or "").splitlines() if line.count("|") == 4]
    (_, *abilities), *ways = rows
    return {way: {able for able, word in zip(abilities, words, strict=True) if word == "no"} for way, *words in ways}


CANNOT = table()
ABILITIES = set[str]().union(*CANNOT.values())
RESOURCE = "dicom_processing"
#: No wait is longer, in seconds.
PATIENCE = 10.0


def told(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise RuntimeError(f"{name} is missing; tests/contract/run sets it")
    return value


HOST, TOLLGATE = told("CONTRACT_HOST").rstrip("/"), told("CONTRACT_TOLLGATE").rstrip("/")
WAY = os.environ.get("CONTRACT_WAY", "python")


def takes(*abilities: str) -> Callable[[Callable[..., None]], Callable[..., None] | None]:
    """A test of what this way in can express; of another it is no test."""
    if WAY not in CANNOT:
        raise RuntimeError(f"CONTRACT_WAY is one of {', '.join(CANNOT)}")
    unknown = set(abilities) - ABILITIES
    if unknown:
        raise RuntimeError(f"not in the table: {unknown}")
    return lambda test: None if CANNOT[WAY] & set(abilities) else test


@dataclass
class Person:
    """A buyer, with a sign-in and a key."""

    id: str
    token: str
    key: str
    service: httpx2.Client

    def meter(self) -> tuple[int, int]:
        """Units used and reserved."""
        quota = ask(self.service, "GET", f"/quota/check?resource_type={RESOURCE}", self.token)["quota"]
        return quota["used"], quota["reserved"]

    def until(self, used: int, reserved: int) -> None:
        """Waits until the meter stands so."""
        begun = time.monotonic()
        while (stands := self.meter()) != (used, reserved):
            assert time.monotonic() - begun < PATIENCE, f"used and reserved are {stands}, not {(used, reserved)}"
            time.sleep(0.02)

    def rows(self) -> list[int]:
        """What the log was charged, newest first."""
        return [row["quota_cost"] for row in ask(self.service, "GET", "/usage/logs?limit=100", self.token)["data"]]


def ask(service: httpx2.Client, method: str, path: str, token: str = "", body: Any = None) -> Any:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    response = service.request(method, TOLLGATE + path, json=body, headers=headers)
    assert response.status_code < 300, f"{method} {path}: {response.status_code} {response.text}"
    return response.json() if response.content else None


@pytest.fixture(scope="session")
def service() -> Iterator[httpx2.Client]:
    with httpx2.Client(timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def host() -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=HOST, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def admin(service: httpx2.Client) -> str:
    wish = {"email": told("CONTRACT_ADMIN_EMAIL"), "password": told("CONTRACT_ADMIN_PASSWORD")}
    return str(ask(service, "POST", "/auth/login", body=wish)["access_token"])


@pytest.fixture(scope="session")
def plan_of(service: httpx2.Client, admin: str) -> Callable[..., str]:
    """A free plan with so many units."""
    made: dict[tuple[int, int], str] = {}

    def plan(units: int, price: int = 1) -> str:
        if (units, price) not in made:
            slug = f"contract-{units}-{price}-{uuid.uuid4().hex[:6]}"
            wish = {
                "slug": slug,
                "name": slug,
                "price": "0.00",
                "currency": "CNY",
                "billing_cycle": "monthly",
                "quota_type": "processing_count",
                "quota_limit": units,
                "resource_costs": {RESOURCE: price},
            }
            ask(service, "POST", "/admin/plans", admin, wish)
            made[units, price] = slug
        return made[units, price]

    return plan


@pytest.fixture
def register(service: httpx2.Client) -> Callable[[], Person]:
    def register() -> Person:
        name = f"contract-{uuid.uuid4().hex[:12]}"
        account = {"email": f"{name}@example.com", "username": name, "password": "plum orchard lantern 7"}
        ask(service, "POST", "/auth/register", body=account)
        signed_in = ask(service, "POST", "/auth/login", body={k: account[k] for k in ("email", "password")})
        token = signed_in["access_token"]
        key = ask(service, "POST", "/auth/api-keys", token, {"name": "contract"})["key"]
        return Person(signed_in["user"]["id"], token, key, service)

    return register


@pytest.fixture
def buyer(register: Callable[[], Person], plan_of: Callable[..., str], service: httpx2.Client) -> Callable[..., Person]:
    """Somebody with so many units."""

    def buyer(units: int = 10, price: int = 1) -> Person:
        person = register()
        wish = {"plan_slug": plan_of(units, price)}
        ask(service, "POST", "/payments/subscriptions/subscribe", person.token, wish)
        return person

    return buyer


@pytest.fixture
def buy_pro(service: httpx2.Client) -> Callable[[Person], None]:
    """Buys the plan `pro` on the sandbox: order, scan, pay, wait for the verified money."""

    def buy(person: Person) -> None:
        wish = {"plan_slug": "pro", "payment_method": "alipay", "client": "pc"}
        begun = ask(service, "POST", "/payments/subscriptions/subscribe", person.token, wish)
        phone = service.post(f"{begun['payment']['qr_content']}/pay", headers={"accept": "application/json"})
        assert phone.status_code == 200, phone.text
        paid = ask(service, "GET", f"/payments/status/{begun['transaction']['id']}?wait=25", person.token)
        assert paid["status"] == "completed"

    return buy


def bearer(credential: str) -> dict[str, str]:
    return {"authorization": f"Bearer {credential}"}


def refused(response: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    """The one shape of a refusal."""
    assert response.status_code == status, f"{response.status_code} {response.text}"
    assert response.headers["content-type"].split(";")[0] == "application/problem+json"
    problem = dict(response.json())
    assert (problem["code"], problem["status"]) == (code, status)
    assert problem["request_id"], problem
    return problem


# --- who may ---------------------------------------------------------------------------------------


def test_what_is_public_stays_public(host: httpx2.Client) -> None:
    for headers in ({}, bearer("nonsense")):
        assert host.get("/health", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "route", ["POST /work", "POST /batch?made=1", "POST /later?works=true", "GET /reports", "GET /ops"]
)
def test_nobody_is_401(host: httpx2.Client, route: str) -> None:
    method, path = route.split()
    response = host.request(method, path)
    refused(response, 401, "unauthenticated")
    assert response.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("route", ["POST /work", "GET /reports", "GET /ops"])
@pytest.mark.parametrize(
    ("credential", "code"),
    [
        ("sk_" + "test_" + "a" * 49, "api_key_invalid"),
        ("nonsense", "unauthenticated"),
        ("a.b.c", "unauthenticated"),
    ],
)
def test_a_bad_credential_is_401(host: httpx2.Client, route: str, credential: str, code: str) -> None:
    method, path = route.split()
    refused(host.request(method, path, headers=bearer(credential)), 401, code)


def test_a_token_with_another_signature_is_401(host: httpx2.Client, buyer: Callable[..., Person]) -> None:
    person = buyer()
    head, body, signature = person.token.split(".")
    forged = f"{head}.{body}.{signature[:-8]}{'A' * 8}"
    refused(host.post("/work", headers=bearer(forged)), 401, "unauthenticated")
    assert person.meter() == (0, 0)


def test_two_different_credentials_are_400(host: httpx2.Client, buyer: Callable[..., Person]) -> None:
    person = buyer()
    headers = {**bearer(person.token), "x-api-key": person.key}
    refused(host.post("/work", headers=headers), 400, "two_credentials")


def test_nobody_without_a_plan(host: httpx2.Client, register: Callable[[], Person]) -> None:
    person = register()
    for method, path in (("POST", "/work"), ("GET", "/reports")):
        problem = refused(host.request(method, path, headers=bearer(person.token)), 402, "subscription_required")
        assert problem["upgrade_url"].startswith("http")


def test_a_plan_opens_what_takes_it(
    host: httpx2.Client,
    buyer: Callable[..., Person],
    register: Callable[[], Person],
    buy_pro: Callable[[Person], None],
) -> None:
    other = buyer()
    problem = refused(host.get("/reports", headers=bearer(other.token)), 402, "plan_required")
    assert problem["upgrade_url"].startswith("http")
    person = register()
    # Refused first: a purchase must count at once all the same.
    refused(host.get("/reports", headers=bearer(person.token)), 402, "subscription_required")
    buy_pro(person)
    for credential in (person.token, person.key):
        assert host.get("/reports", headers=bearer(credential)).status_code == 200


def test_a_permission_opens_what_takes_it(host: httpx2.Client, buyer: Callable[..., Person], admin: str) -> None:
    person = buyer()
    for credential in (person.token, person.key):
        refused(host.get("/ops", headers=bearer(credential)), 403, "permission_denied")
    assert host.get("/ops", headers=bearer(admin)).status_code == 200


def test_a_limited_key_opens_what_it_names(
    host: httpx2.Client,
    register: Callable[[], Person],
    buy_pro: Callable[[Person], None],
    service: httpx2.Client,
) -> None:
    person = register()
    buy_pro(person)
    keys = {
        scope: ask(service, "POST", "/auth/api-keys", person.token, {"name": scope, "scopes": [scope]})["key"]
        for scope in ("usage", "quota")
    }
    refused(host.post("/work", headers=bearer(keys["usage"])), 403, "permission_denied")
    refused(host.get("/reports", headers=bearer(keys["quota"])), 403, "permission_denied")
    assert person.meter() == (0, 0)
    assert host.post("/work", headers=bearer(keys["quota"])).status_code == 200
    assert person.meter() == (1, 0)


def test_the_services_own_key_is_nobody(host: httpx2.Client) -> None:
    refused(host.post("/work", headers=bearer(told("CONTRACT_SERVICE_KEY"))), 403, "permission_denied")


def test_a_forged_name_changes_nothing(host: httpx2.Client, buyer: Callable[..., Person]) -> None:
    ann, bob = buyer(), buyer()
    forged = {
        "x-auth-user-id": bob.id,
        "x-auth-plan": "pro",
        "x-auth-permissions": "admin",
        "x-auth-subject-type": "user",
        "x-auth-token": bob.token,
    }
    refused(host.post("/work", headers=forged), 401, "unauthenticated")
    refused(host.get("/ops", headers=forged), 401, "unauthenticated")
    assert host.post("/work", headers={**bearer(ann.token), **forged}).status_code == 200
    refused(host.get("/ops", headers={**bearer(ann.token), **forged}), 403, "permission_denied")
    refused(host.get("/reports", headers={**bearer(ann.token), **forged}), 402, "plan_required")
    assert (ann.meter(), bob.meter()) == ((1, 0), (0, 0))


# --- what it costs ---------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 204, 303])
def test_a_success_is_charged_one(host: httpx2.Client, buyer: Callable[..., Person], status: int) -> None:
    person = buyer()
    response = host.post(f"/work?answer={status}", headers=bearer(person.token))
    assert response.status_code == status
    # Before the answer leaves, not soon after.
    assert person.meter() == (1, 0)
    assert person.rows() == [1]


def test_a_token_and_a_key_are_one_person(host: httpx2.Client, buyer: Callable[..., Person]) -> None:
    person = buyer()
    for headers in (bearer(person.token), bearer(person.key), {"x-api-key": person.key}):
        assert host.post("/work", headers=headers).status_code == 200
    assert person.meter() == (3, 0)


def test_the_price_of_the_plan_counts(host: httpx2.Client, buyer: Callable[..., Person]) -> None:
    person = buyer(10, price=3)
    assert host.post("/work", headers=bearer(person.token)).status_code == 200
    assert person.meter() == (3, 0)


@takes("give back on failure")
@pytest.mark.parametrize("status", [400, 404, 409, 422, 500, 503])
def test_an_answer_that_failed_is_free(host: httpx2.Client, buyer: Callable[..., Person], status: int) -> None:
    person = buyer()
    assert host.post(f"/work?answer={status}", headers=bearer(person.token)).status_code == status
    person.until(0, 0)
    assert person.rows() == []


@takes("give back on failure")
def test_an_exception_is_free(host: httpx2.Client, buyer: Callable[..., Person]) -> None:
    person = buyer()
    assert host.post("/work?breaks=true", headers=bearer(person.token)).status_code == 500
    person.until(0, 0)
    assert person.rows() == []


@takes("give back on failure")
def test_a_client_that_hangs_up_pays_nothing(host: httpx2.Client, buyer: Callable[..., Person]) -> None:
    person = buyer()
    url = urlsplit(HOST)
    with socket.create_connection((url.hostname, url.port), timeout=PATIENCE) as line:
        head = [
            # Longer than this test waits: the hanging up gives back, not the end of the work.
            f"POST {url.path}/work?slow_ms=60000 HTTP/1.1",
            f"host: {url.netloc}",
            f"authorization: Bearer {person.token}",
            "content-length: 0",
        ]
        line.sendall(("\r\n".join(head) + "\r\n\r\n").encode())
        person.until(0, 1)
    person.until(0, 0)
    assert person.rows() == []


@takes("charge less")
@pytest.mark.parametrize("made", [1, 3, 5])
def test_what_was_made_is_charged(host: httpx2.Client, buyer: Callable[..., Person], made: int) -> None:
    person = buyer()
    assert host.post(f"/batch?made={made}", headers=bearer(person.token)).status_code == 200
    assert person.meter() == (made, 0)
    assert person.rows() == [made]


@takes("refuse a wrong cost")
@pytest.mark.parametrize("made", [0, 6])
def test_more_than_was_set_aside_is_refused(host: httpx2.Client, buyer: Callable[..., Person], made: int) -> None:
    person = buyer()
    refused(host.post(f"/batch?made={made}", headers=bearer(person.token)), 422, "validation_failed")
    person.until(0, 0)


@takes("settle later")
@pytest.mark.parametrize(("works", "used"), [("true", 1), ("false", 0)])
def test_a_job_settles_later(host: httpx2.Client, buyer: Callable[..., Person], works: str, used: int) -> None:
    person = buyer()
    assert host.post(f"/later?works={works}", headers=bearer(person.token)).status_code == 202
    person.until(used, 0)
    assert person.rows() == [1] * used


def test_the_last_unit_and_one_more(host: httpx2.Client, buyer: Callable[..., Person]) -> None:
    person = buyer(2)
    for _ in range(2):
        assert host.post("/work", headers=bearer(person.token)).status_code == 200
    response = host.post("/work", headers=bearer(person.token))
    problem = refused(response, 429, "quota_exceeded")
    quota = problem["quota"]
    assert (quota["limit"], quota["used"], quota["remaining"]) == (2, 2, 0)
    assert quota["resets_at"].endswith("Z")
    assert problem["upgrade_url"].startswith("http")
    assert 0 < int(response.headers["retry-after"]) <= 366 * 86_400
    assert response.headers["x-quota-remaining"] == "0"
    assert person.meter() == (2, 0)
    assert person.rows() == [1, 1]


def test_too_much_at_once_takes_nothing(host: httpx2.Client, buyer: Callable[..., Person]) -> None:
    person = buyer(4)
    refused(host.post("/batch?made=1", headers=bearer(person.token)), 429, "quota_exceeded")
    assert person.meter() == (0, 0)
    assert host.post("/work", headers=bearer(person.token)).status_code == 200


def test_two_hundred_at_once_on_a_hundred(buyer: Callable[..., Person]) -> None:
    person = buyer(100)
    begin = threading.Barrier(40)

    def some(_: int) -> list[tuple[int, str]]:
        with httpx2.Client(base_url=HOST, timeout=60) as client:
            begin.wait(PATIENCE)
            answers = [client.post("/work", headers=bearer(person.key)) for _ in range(5)]
        return [(answer.status_code, answer.json().get("code", "")) for answer in answers]

    with ThreadPoolExecutor(40) as threads:
        answers = [answer for answers in threads.map(some, range(40)) for answer in answers]
    counts = {answer: answers.count(answer) for answer in set(answers)}
    assert counts == {(200, ""): 100, (429, "quota_exceeded"): 100}
    person.until(100, 0)
    assert person.rows() == [1] * 100


# --- what is told ----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 500])
def test_guarded_answers_tell_the_meter(host: httpx2.Client, buyer: Callable[..., Person], status: int) -> None:
    person = buyer()
    response = host.post(f"/work?answer={status}", headers=bearer(person.token))
    assert response.status_code == status
    used, _ = person.meter()
    told = {name: response.headers[f"x-quota-{name}"] for name in ("limit", "used", "remaining")}
    assert told == {"limit": "10", "used": str(used), "remaining": str(10 - used)}
