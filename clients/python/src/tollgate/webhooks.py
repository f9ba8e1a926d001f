"""Events that the service sends to this application (Standard Webhooks): are they genuine?"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Iterable, Mapping

from .errors import SignatureInvalid, UnexpectedAnswer
from .models import Event, read

__all__ = ["Event", "sign", "verify"]


def verify(
    body: bytes | str,
    headers: Mapping[str, str],
    secret: str | Iterable[str],
    *,
    tolerance: float = 300.0,
    now: float | None = None,
) -> Event:
    """The event in ``body``, once its signature and its age are right.

    ``body`` is what arrived, to the byte. ``secret`` is ``whsec_…``, or several while one is
    rotated. ``tolerance`` is the greatest age, either way, in seconds. Keep ``event.id`` and ignore
    what you have seen: an event may come more than once.

    Raises :class:`SignatureInvalid`, and ``ValueError`` for a secret that is none.
    """
    data = body.encode() if isinstance(body, str) else bytes(body)
    keys = [_key(text) for text in ([secret] if isinstance(secret, str) else secret)]
    if not keys:
        raise ValueError("no secret")
    told = {name.lower(): value for name, value in headers.items()}
    event_id, at = told.get("webhook-id"), told.get("webhook-timestamp")
    if not event_id or not at or not at.isascii() or not at.isdigit():
        raise SignatureInvalid("webhook-id or webhook-timestamp is missing")
    moment = time.time() if now is None else now
    if abs(moment - int(at)) > tolerance:
        raise SignatureInvalid("the event is too old, or the clocks differ")
    signed = f"{event_id}.{at}.".encode() + data
    mine = [hmac.new(key, signed, hashlib.sha256).digest() for key in keys]
    theirs = [_bytes(text) for text in told.get("webhook-signature", "").split()]
    # Every pair is compared, so that the time does not tell which one was right.
    matches = [hmac.compare_digest(a, b) for a in mine for b in theirs if b is not None]
    if not any(matches):
        raise SignatureInvalid("no signature is ours")
    try:
        document = json.loads(data)
    except ValueError as error:
        raise UnexpectedAnswer("the event is no JSON") from error
    return read(Event, {**document, "id": event_id})


def sign(body: bytes, secret: str, *, event_id: str, at: int) -> dict[str, str]:
    """The headers that make ``body`` genuine, for the tests of a receiver."""
    text = f"{event_id}.{at}.".encode() + body
    tag = base64.b64encode(hmac.new(_key(secret), text, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{tag}",
    }


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise ValueError("a secret is whsec_ and base64") from error
    if not key:
        # An empty key would verify what anybody can sign.
        raise ValueError("the secret is empty")
    return key


def _bytes(signature: str) -> bytes | None:
    version, _, text = signature.partition(",")
    if version != "v1":
        return None
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
