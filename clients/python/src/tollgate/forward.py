"""A FastAPI router that passes requests on to the service, and its answers back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import httpx2
from fastapi import APIRouter, Request
from starlette.background import BackgroundTask
from starlette.responses import Response, StreamingResponse

#: Between two neighbours only (RFC 9110 §7.6.1); each side has its own.
_HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
#: A status may be held open for 25 seconds, and a provider may be slow.
_LIMIT = httpx2.Timeout(60.0, connect=5.0)


class Forwarder:
    """Passes on everything below one area (``/auth``, ``/payments``, …) of the service."""

    def __init__(self, area: str, base_url: Callable[[], str]) -> None:
        self._area, self._base_url = area, base_url
        self._http: httpx2.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.router = APIRouter()
        for path in ("", "/{rest:path}"):
            self.router.add_api_route(path, self.forward, methods=_METHODS, include_in_schema=False)

    async def forward(self, request: Request) -> Response:
        """One request, streamed both ways; 503 when the service is away."""
        base_url = await asyncio.to_thread(self._base_url)
        rest = str(request.path_params.get("rest", ""))
        path = f"/{self._area}/{rest}" if rest else f"/{self._area}"
        url = httpx2.URL(base_url).copy_with(
            raw_path=_quoted(path)
            + (b"?" + request.url.query.encode() if request.url.query else b"")
        )
        passed = httpx2.Request(
            request.method,
            url,
            headers=_headers_on(request),
            content=_body(request),
            extensions={"timeout": _LIMIT.as_dict()},
        )
        try:
            answer = await self._client().send(passed, stream=True)
        except httpx2.TransportError:
            body = b'{"type":"urn:tollgate:problem:unavailable","code":"unavailable","status":503}'
            return Response(
                body,
                503,
                headers={"retry-after": "1"},
                media_type="application/problem+json",
            )
        response = StreamingResponse(
            answer.aiter_raw(), answer.status_code, background=BackgroundTask(answer.aclose)
        )
        # As they came, also where one name stands twice (cookies).
        response.raw_headers = [
            (name.lower(), value)
            for name, value in answer.headers.raw
            if name.lower().decode("latin-1") not in _dropped(answer.headers)
        ]
        return response

    async def aclose(self) -> None:
        """Closes the connections."""
        http, self._http = self._http, None
        if http is not None and self._loop is asyncio.get_running_loop():
            await http.aclose()

    def _client(self) -> httpx2.AsyncClient:
        here = asyncio.get_running_loop()
        if self._http is None or self._loop is not here:
            self._loop = here
            # No proxy of the environment, no redirections: the client is to see what was said.
            self._http = httpx2.AsyncClient(follow_redirects=False, trust_env=False)
        return self._http


def _headers_on(request: Request) -> list[tuple[bytes, bytes]]:
    dropped = _dropped(request.headers) | {"host"}
    headers = [
        (name, value)
        for name, value in request.headers.raw
        if name.decode("latin-1") not in dropped and not name.startswith(b"x-forwarded-")
    ]
    # What the client says of its own way here is not passed on: this application saw where it
    # came from, and is what the service trusts.
    if request.client is not None:
        headers.append((b"x-forwarded-for", request.client.host.encode()))
    headers.append((b"x-forwarded-proto", request.url.scheme.encode()))
    headers.append((b"x-forwarded-host", request.headers.get("host", "").encode()))
    return headers


def _body(request: Request) -> AsyncIterator[bytes] | None:
    told = request.headers
    return request.stream() if "content-length" in told or "transfer-encoding" in told else None


def _dropped(headers: httpx2.Headers | object) -> set[str]:
    named = str(getattr(headers, "get")("connection", "") or "")  # noqa: B009 - either kind
    return _HOP_BY_HOP | {name.strip().lower() for name in named.split(",") if name.strip()}


def _quoted(path: str) -> bytes:
    return httpx2.URL("http://x").copy_with(path=path).raw_path
