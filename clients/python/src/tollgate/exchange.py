"""Between a :class:`~tollgate.call.Call` and HTTP: the request, and what its answer means."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import httpx2

from .call import Call
from .errors import TollgateError, Unavailable, UnexpectedAnswer, from_answer
from .retry import RetryPolicy
from .version import __version__

T = TypeVar("T")

#: Raised before a byte of the request has left.
_NEVER_LEFT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the service is, as whom it is called, and how patiently."""

    base_url: str
    credential: str | None = field(default=None, repr=False)
    language: str | None = None
    timeout: float = 30.0
    policy: RetryPolicy = field(default_factory=RetryPolicy)


def settings(
    base_url: str | None,
    *,
    service_key: str | None,
    api_key: str | None,
    access_token: str | None,
    language: str | None,
    timeout: float,
    policy: RetryPolicy,
) -> Settings:
    """What was passed, else ``TOLLGATE_URL`` and ``TOLLGATE_SERVICE_KEY``.

    Raises ``ValueError`` for an address that is none, or more than one credential.
    """
    given = [text for text in (service_key, api_key, access_token) if text]
    if len(given) > 1:
        raise ValueError("one of service_key, api_key and access_token, not several")
    url = (base_url or os.environ.get("TOLLGATE_URL") or "").rstrip("/")
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise ValueError(
            f"{url!r} is no address of a service: pass base_url, or set TOLLGATE_URL, "
            'such as "http://127.0.0.1:8080"'
        )
    credential = given[0] if given else os.environ.get("TOLLGATE_SERVICE_KEY") or None
    return Settings(url, credential, language, timeout, policy)


def request_of(call: Call[Any], settings: Settings) -> httpx2.Request:
    """What is sent; the same request is sent at every try, so its key stays."""
    headers = {
        "accept": "application/json",
        "user-agent": f"tollgate-python/{__version__}",
        **call.headers,
    }
    credential = call.credential or settings.credential
    if credential and not call.public:
        headers["authorization"] = f"Bearer {credential}"
    if settings.language:
        headers["accept-language"] = settings.language
    if call.method == "POST":
        headers["idempotency-key"] = call.idempotency_key or uuid4().hex
    content: bytes | None = None
    if call.body is not None:
        content = json.dumps(call.body, ensure_ascii=False).encode()
        headers["content-type"] = "application/json"
    limit = httpx2.Timeout(settings.timeout, read=settings.timeout + call.patience)
    return httpx2.Request(
        call.method,
        settings.base_url + call.path,
        params=list(call.query) or None,
        headers=headers,
        content=content,
        data=dict(call.form) if call.form is not None else None,
        extensions={"timeout": limit.as_dict()},
    )


def understood(call: Call[T], response: httpx2.Response) -> T:
    """The value of a success; raises the error of anything else. The body must have been read."""
    if response.is_success:
        return call.understand(_document(response) if response.content else None)
    problem: Mapping[str, Any] | None = None
    try:
        found = _document(response)
        problem = found if isinstance(found, Mapping) else None
    except UnexpectedAnswer:
        # A proxy on the way speaks HTML; its status still says enough.
        problem = None
    raise from_answer(
        response.status_code,
        problem,
        request_id=response.headers.get("x-request-id"),
        retry_after=seconds_of(response.headers.get("retry-after")),
    )


def lost(error: httpx2.TransportError) -> tuple[TollgateError, bool]:
    """No answer came: the error to raise, and whether the request may have arrived."""
    text = f"the service does not answer: {type(error).__name__} {error}".strip()
    return Unavailable(text), not isinstance(error, _NEVER_LEFT)


def seconds_of(text: str | None) -> float | None:
    """``Retry-After`` in seconds: a number, or a date."""
    if not text:
        return None
    if text.strip().isdigit():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())


def _document(response: httpx2.Response) -> Any:
    try:
        # Numbers keep their text: an amount never passes through a float.
        return json.loads(response.content, parse_float=Decimal)
    except ValueError as error:
        request_id = response.headers.get("x-request-id")
        raise UnexpectedAnswer("the answer is no JSON", request_id=request_id) from error
