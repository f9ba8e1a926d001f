"""Refusals as HTTP answers: ``application/problem+json``, as the service gives them."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from .errors import QuotaExceeded, TollgateError, Unauthenticated, Unavailable
from .models import Quota, read
from .wording import words_for

#: What a client is told to wait when the service does not answer, in seconds.
TRY_AGAIN = 1


def status_of(error: TollgateError) -> int:
    """The status of our answer: the service's own, 503 where it gave none."""
    if isinstance(error, Unavailable) or error.status is None:
        return 503
    return error.status


def headers_of(error: TollgateError) -> dict[str, str]:
    """What belongs to the status: how to sign in, when to come back, how the meter stands."""
    status = status_of(error)
    headers: dict[str, str] = {}
    if status == 401:
        nobody = isinstance(error, Unauthenticated) and error.code == "unauthenticated"
        headers["www-authenticate"] = "Bearer" if nobody else 'Bearer error="invalid_token"'
    if error.retry_after is not None:
        headers["retry-after"] = str(math.ceil(error.retry_after))
    elif status == 503:
        headers["retry-after"] = str(TRY_AGAIN)
    if isinstance(error, QuotaExceeded) and error.quota:
        headers.update(quota_headers(read(Quota, error.quota)))
    return headers


def quota_headers(quota: Quota, *, now: datetime | None = None) -> dict[str, str]:
    """How a meter stands, in plain integers and as the draft of RateLimit has it."""
    if quota.limit is None or quota.remaining is None:
        return {}
    name = quota.quota_type.replace("\\", "").replace('"', "")
    headers = {
        "x-quota-limit": str(quota.limit),
        "x-quota-used": str(quota.used),
        "x-quota-remaining": str(quota.remaining),
    }
    policy, stands = f'"{name}";q={quota.limit}', f'"{name}";r={quota.remaining}'
    if quota.resets_at is not None:
        left = (quota.resets_at - (now or datetime.now(UTC))).total_seconds()
        reset = max(0, math.ceil(left))
        headers["x-quota-reset"] = str(reset)
        stands += f";t={reset}"
        if quota.period_start is not None:
            window = (quota.resets_at - quota.period_start).total_seconds()
            policy += f";w={round(window)}"
    return {**headers, "ratelimit-policy": policy, "ratelimit": stands}


def problem_of(
    error: TollgateError, *, path: str, language: str | None, request_id: str | None
) -> dict[str, Any]:
    """The body: the service's own words where it had any, ours where it was not asked."""
    status = status_of(error)
    title, detail = words_for(error.code, language)
    told = {k: v for k, v in error.problem.items() if k not in ("valid", "reason")}
    told.setdefault("type", f"urn:tollgate:problem:{error.code}")
    told.setdefault("title", title or HTTPStatus(status).phrase)
    told.setdefault("detail", detail or told["title"])
    told["code"], told["status"] = error.code, status
    # The path that was called is this application's, not the service's behind it.
    told["instance"] = path
    told["request_id"] = error.request_id or request_id or str(uuid4())
    return told
