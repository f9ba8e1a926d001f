"""Events: genuine ones pass, nothing else does."""

from __future__ import annotations

import base64
import json

import pytest

import tollgate
from tollgate import webhooks

SECRET = "whsec_" + base64.b64encode(b"a secret of some length, 32 byte").decode()
OTHER = "whsec_" + base64.b64encode(b"another secret, quite as long ..").decode()
BODY = json.dumps(
    {"type": "payment.completed", "timestamp": "2026-11-23T12:00:00.000Z", "data": {"id": "t-1"}}
).encode()
AT = 1_795_435_200


def signed(secret: str = SECRET, body: bytes = BODY, at: int = AT) -> dict[str, str]:
    return webhooks.sign(body, secret, event_id="msg-1", at=at)


def test_a_genuine_event() -> None:
    event = webhooks.verify(BODY, signed(), SECRET, now=AT + 10)
    assert (event.id, event.type, event.data) == ("msg-1", "payment.completed", {"id": "t-1"})
    assert event.timestamp.year == 2026


def test_the_published_vector() -> None:
    # standard-webhooks: the example of its specification.
    secret = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    headers = {
        "Webhook-Id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "Webhook-Timestamp": "1614265330",
        "Webhook-Signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    with pytest.raises(tollgate.UnexpectedAnswer):
        # Genuine, but not an event of this service; a wrong signature would be told first.
        webhooks.verify(body, headers, secret, now=1_614_265_330)
    with pytest.raises(tollgate.SignatureInvalid):
        webhooks.verify(body + b" ", headers, secret, now=1_614_265_330)


def test_two_signatures_while_a_secret_is_exchanged() -> None:
    both = signed(OTHER)
    both["webhook-signature"] += " " + signed()["webhook-signature"]
    for secret in (SECRET, OTHER, [SECRET], [OTHER, SECRET]):
        assert webhooks.verify(BODY, both, secret, now=AT).id == "msg-1"
    assert webhooks.verify(BODY, signed(), [OTHER, SECRET], now=AT).id == "msg-1"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        signed(OTHER),
        signed(body=BODY + b" "),
        {**signed(), "webhook-id": "msg-2"},
        {**signed(), "webhook-timestamp": str(AT + 1)},
        {**signed(), "webhook-timestamp": "now"},
        {**signed(), "webhook-timestamp": f"-{AT}"},
        {**signed(), "webhook-signature": ""},
        {**signed(), "webhook-signature": "v1,"},
        {**signed(), "webhook-signature": "v1,not base64"},
        {**signed(), "webhook-signature": signed()["webhook-signature"].replace("v1,", "v2,")},
        {k: v for k, v in signed().items() if k != "webhook-id"},
    ],
)
def test_anything_else(headers: dict[str, str]) -> None:
    with pytest.raises(tollgate.SignatureInvalid):
        webhooks.verify(BODY, headers, SECRET, now=AT)


@pytest.mark.parametrize("apart", [-301, 301, 86_400])
def test_too_old_or_too_new(apart: int) -> None:
    with pytest.raises(tollgate.SignatureInvalid):
        webhooks.verify(BODY, signed(), SECRET, now=AT + apart)
    assert webhooks.verify(BODY, signed(), SECRET, now=AT + apart, tolerance=90_000).id == "msg-1"


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!!!", []])
def test_a_secret_that_is_none(secret: str | list[str]) -> None:
    with pytest.raises(ValueError, match="secret"):
        webhooks.verify(BODY, signed(), secret, now=AT)


def test_every_pair_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first hit does not end the comparison, and it is the constant-time one."""
    compared: list[tuple[bytes, bytes]] = []
    real = webhooks.hmac.compare_digest

    def counting(a: bytes, b: bytes) -> bool:
        compared.append((a, b))
        return real(a, b)

    monkeypatch.setattr(webhooks.hmac, "compare_digest", counting)
    both = signed()
    both["webhook-signature"] += " " + signed(OTHER)["webhook-signature"]
    webhooks.verify(BODY, both, [SECRET, OTHER], now=AT)
    assert len(compared) == 4
