"""An ASGI server in a few lines, whose client may hang up at a chosen moment."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Exchange:
    """One request; `hang_up` is the client's."""

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    error: BaseException | None = None
    #: Set when the head of the answer has left.
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    #: Set when the answer has left whole; background tasks come after it.
    complete: asyncio.Event = field(default_factory=asyncio.Event)
    _gone: asyncio.Event = field(default_factory=asyncio.Event)

    def hang_up(self) -> None:
        self._gone.set()

    def json(self) -> Any:
        return json.loads(self.body)

    async def run(
        self,
        app: Any,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        chunks: int = 1,
    ) -> Exchange:
        path, _, query = path.partition("?")
        size = max(1, len(body) // chunks + 1)
        waiting = [body[at : at + size] for at in range(0, len(body), size)] or [b""]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "scheme": "http",
            "headers": [(k.lower().encode(), v.encode()) for k, v in (headers or {}).items()],
            "client": ("127.0.0.1", 40000),
            "server": ("testserver", 80),
            "state": {},
        }

        async def receive() -> dict[str, Any]:
            if waiting:
                part = waiting.pop(0)
                return {"type": "http.request", "body": part, "more_body": bool(waiting)}
            await self._gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                self.headers = {k.decode(): v.decode() for k, v in message["headers"]}
                self.answered.set()
            elif message["type"] == "http.response.body":
                self.body += message.get("body", b"")
                if not message.get("more_body"):
                    self.complete.set()

        try:
            await app(scope, receive, send)
        except Exception as error:
            self.error = error
        return self


async def call(app: Any, method: str, path: str, credential: str = "", **more: Any) -> Exchange:
    headers = {"authorization": f"Bearer {credential}"} if credential else {}
    headers |= more.pop("headers", {})
    async with asyncio.timeout(10):
        return await Exchange().run(app, method, path, headers, **more)
