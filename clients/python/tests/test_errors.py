"""Every refusal is one of a family, with what the service said."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx2
import pytest

import tollgate
from tollgate import Client
from tollgate.errors import from_answer
from tollgate.models import User, read


def raised_by(response: httpx2.Response) -> tollgate.TollgateError:
    with (
        Client("http://s", transport=httpx2.MockTransport(lambda _: response), retries=0) as client,
        pytest.raises(tollgate.TollgateError) as raised,
    ):
        client.auth.me()
    return raised.value


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "two_credentials", tollgate.BadRequest),
        (401, "token_revoked", tollgate.Unauthenticated),
        (402, "subscription_required", tollgate.SubscriptionRequired),
        (402, "plan_required", tollgate.PlanRequired),
        (403, "email_not_verified", tollgate.PermissionDenied),
        (404, "not_found", tollgate.NotFound),
        (404, "no_subscription", tollgate.NoSubscription),
        (409, "email_taken", tollgate.Conflict),
        (409, "reservation_settled", tollgate.ReservationSettled),
        (422, "weak_password", tollgate.ValidationFailed),
        (429, "quota_exceeded", tollgate.QuotaExceeded),
        (429, "rate_limited", tollgate.RateLimited),
        (500, "internal", tollgate.InternalError),
        (502, "provider_error", tollgate.ProviderError),
        (503, "payments_not_configured", tollgate.Unavailable),
        # What a later service may say.
        (402, "something_new", tollgate.SubscriptionRequired),
        (418, "something_new", tollgate.BadRequest),
        (599, "something_new", tollgate.InternalError),
    ],
)
def test_a_code_is_one_kind(status: int, code: str, kind: type[tollgate.TollgateError]) -> None:
    body = {"code": code, "status": status, "detail": "words", "request_id": "r-1"}
    error = raised_by(httpx2.Response(status, json=body))
    assert type(error) is kind
    assert (error.code, error.status, error.request_id) == (code, status, "r-1")
    assert error.problem == body
    assert error.detail == "words"


def test_every_code_of_the_list_has_a_kind_of_its_own_status() -> None:
    listed = Path(__file__, "../../../../docs/errors.md").resolve().read_text()
    rows = re.findall(r"^\| (\d{3}) \| `(\w+)` \|", listed, re.MULTILINE)
    assert len(rows) > 40
    for status, code in rows:
        error = from_answer(int(status), {"code": code})
        assert type(error) is not tollgate.TollgateError, (status, code)
        assert error.code == code
        assert type(error).default_status in (int(status), None, 422, 400), (status, code)


def test_more_members_are_at_hand() -> None:
    body = {
        "code": "quota_exceeded",
        "quota": {"limit": 10, "remaining": 0},
        "upgrade_url": "http://s/pricing",
    }
    error = raised_by(httpx2.Response(429, json=body, headers={"retry-after": "60"}))
    assert isinstance(error, tollgate.QuotaExceeded)
    assert (error.quota["remaining"], error.upgrade_url) == (0, "http://s/pricing")
    assert error.retry_after == 60
    body = {"code": "validation_failed", "errors": [{"field": "/email", "code": "invalid_email"}]}
    error = raised_by(httpx2.Response(422, json=body))
    assert isinstance(error, tollgate.ValidationFailed)
    assert error.errors[0]["field"] == "/email"


def test_a_proxy_that_speaks_html() -> None:
    error = raised_by(httpx2.Response(502, text="<html>Bad Gateway</html>"))
    assert type(error) is tollgate.Unavailable
    assert (error.code, error.status) == ("unavailable", 502)
    error = raised_by(httpx2.Response(503, json=[1], headers={"x-request-id": "r-2"}))
    assert (type(error), error.request_id) == (tollgate.Unavailable, "r-2")


def test_no_answer_is_unavailable() -> None:
    def nobody(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused", request=request)

    with Client("http://s", transport=httpx2.MockTransport(nobody), retries=0) as client:
        with pytest.raises(tollgate.Unavailable) as raised:
            client.auth.me()
    assert (raised.value.code, raised.value.status) == ("unavailable", None)
    assert isinstance(raised.value.__cause__, httpx2.ConnectError)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"id":"x"}', b'{"id":1,"email":"a","username":"b"}']
)
def test_another_program_answers(body: bytes) -> None:
    error = raised_by(httpx2.Response(200, content=body))
    assert type(error) is tollgate.UnexpectedAnswer


def test_what_is_new_is_left_out() -> None:
    told = {
        "id": "u-1",
        "email": "ann@example.com",
        "username": "ann",
        "permissions": ["admin", "something_new"],
        "created_at": "2026-01-02T03:04:05.678Z",
        "something_new": {"a": 1},
        "locale": None,
    }
    user = read(User, told)
    assert (user.id, user.permissions, user.locale) == ("u-1", ("admin", "something_new"), "zh")
    assert user.created_at is not None
    assert user.created_at.isoformat() == "2026-01-02T03:04:05.678000+00:00"
    with pytest.raises(AttributeError):
        user.id = "other"  # type: ignore[misc]


def test_an_amount_never_passes_through_a_float() -> None:
    body = {
        "id": "t",
        "order_no": "t",
        "amount": "0.10",
        "amount_minor": 10,
        "currency": "CNY",
        "payment_method": "something_new",
        "status": "something_new",
        "metadata": {"share": 0.1},
    }
    answer = httpx2.Response(200, content=json.dumps(body).encode())
    with Client("http://s", transport=httpx2.MockTransport(lambda _: answer)) as client:
        transaction = client.transactions.get("t")
    assert str(transaction.amount) == "0.10"
    assert str(transaction.metadata["share"]) == "0.1"
    assert type(transaction.metadata["share"]).__name__ == "Decimal"
    assert transaction.status == "something_new"


@pytest.mark.parametrize("url", ["", "s", "ftp://s", "http://"])
def test_an_address_that_is_none(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOLLGATE_URL", raising=False)
    with pytest.raises(ValueError, match="TOLLGATE_URL"):
        Client(url)


def test_the_environment_names_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200, json={"data": []})

    monkeypatch.setenv("TOLLGATE_URL", "http://from-environment/")
    monkeypatch.setenv("TOLLGATE_SERVICE_KEY", "sk_" + "test_x")
    with Client(transport=httpx2.MockTransport(answer)) as client:
        assert list(client.transactions.list()) == []
        assert list(client.payments.plans()) == []
    with pytest.raises(ValueError, match="not several"):
        Client(api_key="a", access_token="b")
    assert [str(r.url.host) for r in seen] == ["from-environment"] * 2
    # What is open to everybody is asked without a credential.
    assert [r.headers.get("authorization") for r in seen] == ["Bearer " + "sk_" + "test_x", None]
    assert "sk_" not in repr(client._settings)
