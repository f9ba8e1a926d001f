"""Refusals in a FastAPI application: answered as problem+json, or by FastAPI itself."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, cast

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ..errors import TollgateError
from ..refusals import headers_of, problem_of, status_of


async def answer(request: Request, error: Exception) -> Response:
    """The exception handler that ``Tollgate.install`` registers."""
    assert isinstance(error, TollgateError)  # noqa: S101 - registered for these alone
    body = problem_of(
        error,
        path=request.url.path,
        language=request.headers.get("accept-language"),
        request_id=request.headers.get("x-request-id"),
    )
    headers = {**headers_of(error), "cache-control": "no-store", "x-request-id": body["request_id"]}
    return Response(
        json.dumps(body, ensure_ascii=False, default=str).encode(),
        status_code=body["status"],
        headers=headers,
        media_type="application/problem+json",
    )


def refusal(error: TollgateError) -> TollgateError:
    """The same error as one that FastAPI answers by itself, also where nothing was installed.

    Then the status and the headers are right and the body is FastAPI's ``{"detail": …}``.
    """
    if isinstance(error, HTTPException):
        return error
    both = _both(cast("Any", type(error)))
    made = both.__new__(both)
    made.__dict__.update(error.__dict__)
    made.args = error.args
    made.__cause__, made.__context__ = error.__cause__, error.__context__
    made.__dict__.update(
        status_code=status_of(error), detail=error.detail, headers=headers_of(error)
    )
    return made


@cache
def _both(kind: type[TollgateError]) -> type[TollgateError]:
    # `detail` is a property of the one and an attribute of the other; the attribute has it.
    members = {"detail": "", "__module__": kind.__module__, "__doc__": kind.__doc__}
    return type(kind.__name__, (kind, HTTPException), members)
