"""The same guards in a Flask application."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, abort
from town import Person, Town

import tollgate
from tollgate.flask import DeferredHold, Tollgate, current_hold, current_user
from tollgate.testing import FakeTollgate


class Shop:
    def __init__(self, gate: Tollgate) -> None:
        self.gate, self.app, self.jobs = gate, Flask("shop"), list[DeferredHold]()
        gate.install(self.app)
        app = self.app
        # As in production: an exception becomes a 500.
        app.config["PROPAGATE_EXCEPTIONS"] = False

        @app.get("/health")
        def health() -> str:
            return "ok"

        @app.post("/work/<int:status>")
        @gate.consume_quota("dicom_processing", cost=1)
        def work(status: int) -> Any:
            return {"user": current_user().email}, status

        @app.post("/aborts")
        @gate.consume_quota("dicom_processing", cost=1)
        def aborts() -> Any:
            abort(404)

        @app.post("/breaks")
        @gate.consume_quota("dicom_processing", cost=1)
        def breaks() -> Any:
            raise ZeroDivisionError

        @app.post("/batch/<int(signed=True):made>")
        @gate.consume_quota(resource_type="dicom_processing", cost=5)
        def batch(made: int) -> Any:
            current_hold().set_cost(made)
            return {"made": made}

        @app.post("/later")
        @gate.require_auth
        @gate.consume_quota("dicom_processing", cost=2)
        def later() -> Any:
            self.jobs.append(current_hold().defer())
            return "", 202

        @app.get("/reports")
        @gate.require_subscription(plan="pro")
        def reports() -> Any:
            return {}

        @app.get("/ops")
        @gate.require_permission("admin")
        def ops() -> Any:
            return {}

    def call(self, method: str, path: str, credential: str = "", **headers: str) -> Any:
        shown = {"authorization": f"Bearer {credential}"} if credential else {}
        return self.app.test_client().open(path, method=method, headers={**shown, **headers})


@pytest.fixture
def shop(fake: FakeTollgate) -> Shop:
    return Shop(Tollgate(fake.url, fake.service_key, transport=fake.transport))


def refused(answer: Any, status: int, code: str) -> Any:
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/problem+json"
    assert answer.json["code"] == code
    assert answer.json["request_id"] == answer.headers["x-request-id"]
    return answer.json


@pytest.mark.parametrize("status", [200, 201, 302])
def test_below_400_is_charged(shop: Shop, fake: FakeTollgate, status: int) -> None:
    ann = fake.add_user("ann@example.com", plan="free")
    for used, credential in enumerate((ann.token, ann.key), start=1):
        answer = shop.call("POST", f"/work/{status}", credential)
        assert answer.status_code == status
        assert fake.meter(ann) == (used, 0)
        assert answer.headers["x-quota-remaining"] == str(10 - used)


@pytest.mark.parametrize("path", ["/work/400", "/work/503", "/aborts", "/breaks"])
def test_from_400_on_nothing_is(shop: Shop, fake: FakeTollgate, path: str) -> None:
    ann = fake.add_user("ann@example.com", plan="free")
    assert shop.call("POST", path, ann.token).status_code >= 400
    assert fake.meter(ann) == (0, 0)
    assert ("POST", "/quota/release") in fake.calls


def test_an_exception_that_is_passed_on(shop: Shop, fake: FakeTollgate) -> None:
    """As under a debugger: no answer is made of it, and the units come back all the same."""
    shop.app.config["PROPAGATE_EXCEPTIONS"] = True
    ann = fake.add_user("ann@example.com", plan="free")
    with pytest.raises(ZeroDivisionError):
        shop.call("POST", "/breaks", ann.token)
    assert fake.meter(ann) == (0, 0)
    assert ("POST", "/quota/release") in fake.calls


def test_less_and_later(shop: Shop, fake: FakeTollgate) -> None:
    ann = fake.add_user("ann@example.com", plan="free")
    assert shop.call("POST", "/batch/3", ann.token).json == {"made": 3}
    assert fake.meter(ann) == (3, 0)
    for made in (0, 6):
        refused(shop.call("POST", f"/batch/{made}", ann.token), 422, "validation_failed")
    assert fake.meter(ann) == (3, 0)
    for _ in range(2):
        assert shop.call("POST", "/later", ann.token).status_code == 202
    assert fake.meter(ann) == (3, 4)
    settled = shop.jobs[0].commit()
    assert settled is not None and settled.charged == 2
    shop.jobs[1].release()
    assert fake.meter(ann) == (5, 0)
    with pytest.raises(tollgate.ReservationSettled):
        shop.jobs[1].commit()


def test_who_may(shop: Shop, fake: FakeTollgate) -> None:
    ann = fake.add_user("ann@example.com", plan="free")
    nobody = fake.add_user("nil@example.com")
    assert shop.call("GET", "/health").text == "ok"
    for method, path in (
        ("POST", "/work/200"),
        ("POST", "/later"),
        ("GET", "/reports"),
        ("GET", "/ops"),
    ):
        answer = shop.call(method, path)
        refused(answer, 401, "unauthenticated")
        assert answer.headers["www-authenticate"] == "Bearer"
    refused(shop.call("POST", "/work/200", "sk_" + "test_x"), 401, "api_key_invalid")
    refused(shop.call("POST", "/work/200", fake.token_for(ann, seconds=-60)), 401, "token_expired")
    refused(
        shop.call("POST", "/work/200", ann.token, **{"x-api-key": ann.key}), 400, "two_credentials"
    )
    refused(shop.call("POST", "/work/200", nobody.token), 402, "subscription_required")
    refused(shop.call("GET", "/reports", nobody.token), 402, "subscription_required")
    refused(shop.call("GET", "/reports", ann.token), 402, "plan_required")
    refused(shop.call("GET", "/ops", ann.token), 403, "permission_denied")
    limited = fake.key_for(ann, scopes=("usage",))
    refused(shop.call("POST", "/work/200", limited), 403, "permission_denied")
    ann.plan, ann.permissions = fake.plans["pro"], ("admin",)
    assert shop.call("GET", "/reports", ann.token).status_code == 200
    assert shop.call("GET", "/ops", ann.token).status_code == 200
    assert fake.meter(ann) == (0, 0)


def test_at_the_limit(shop: Shop, fake: FakeTollgate) -> None:
    ann = fake.add_user("ann@example.com", plan="free")
    ann.used = 10
    answer = shop.call("POST", "/work/200", ann.token)
    problem = refused(answer, 429, "quota_exceeded")
    assert problem["upgrade_url"] and problem["quota"]["remaining"] == 0
    assert int(answer.headers["retry-after"]) > 0
    assert fake.calls.count(("POST", "/quota/reserve")) == 1


def test_away(fake: FakeTollgate) -> None:
    ann = fake.add_user("ann@example.com", plan="free")
    strict = Shop(Tollgate(fake.url, fake.service_key, transport=fake.transport))
    openly = Shop(
        Tollgate(fake.url, fake.service_key, transport=fake.transport, on_unavailable="allow")
    )
    for shop in (strict, openly):
        assert shop.call("POST", "/work/200", ann.token).status_code == 200
    fake.down = True
    refused(strict.call("POST", "/work/200", ann.token), 503, "unavailable")
    assert openly.call("POST", "/work/200", ann.token).status_code == 200
    assert (strict.gate.let_through, openly.gate.let_through) == (0, 1)
    refused(openly.call("GET", "/ops", ann.token), 503, "unavailable")
    fake.down = False
    assert fake.meter(ann) == (2, 0)


def test_what_was_not_installed_is_told(fake: FakeTollgate) -> None:
    gate, app = Tollgate(fake.url, fake.service_key, transport=fake.transport), Flask("bare")
    app.testing = True

    @app.get("/")
    @gate.require_auth
    def index() -> str:
        return "ok"

    with pytest.raises(RuntimeError, match=r"gate\.install\(app\)"):
        app.test_client().get("/")


def test_the_real_service(town: Town, service_key: str, buyer: Callable[..., Person]) -> None:
    person = buyer(2)
    shop = Shop(Tollgate(town.url, service_key))
    assert shop.call("POST", "/work/200", person.token).json == {"user": person.email}
    assert shop.call("POST", "/breaks", person.key).status_code == 500
    assert person.meter() == (1, 0)
    assert shop.call("POST", "/work/201", person.key).status_code == 201
    refused(shop.call("POST", "/work/200", person.token), 429, "quota_exceeded")
    assert person.meter() == (2, 0)
    shop.gate.client.close()
