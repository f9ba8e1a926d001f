"""The middleware that settles holds from the real status, before the answer leaves.

Not at the exit of the dependency: exits run after background tasks, and do not see an error that
was returned. Here the status is seen as it goes out. Three things can happen at once: the handler
answers, the client hangs up, the server cancels the call. Whichever is first decides, by
``_answered`` and ``_gone``; the units are settled in tasks of their own, so that no cancellation
stops them half-way.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextvars import ContextVar
from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import Unavailable
from ..models import Reservation
from ..refusals import quota_headers
from .hold import Hold

if TYPE_CHECKING:
    from .gate import Tollgate

#: Where a request carries its :class:`Exchange`.
KEY = "tollgate.exchange"
#: The language that the present request asked for.
language: ContextVar[str | None] = ContextVar("tollgate_language", default=None)


class SettleMiddleware:
    """Around the whole application; added by ``Tollgate.install``."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One exchange."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = Exchange(receive, send)
        # The scope itself: what the router notes in it is read by middleware outside.
        scope[KEY] = exchange
        token = language.set(_language_of(scope))
        try:
            await self._app(scope, exchange.receive, exchange.send)
        except asyncio.CancelledError:
            await exchange.end()
            if not exchange.forgive():
                raise
        except BaseException:
            await exchange.end()
            raise
        else:
            await exchange.end()
        finally:
            language.reset(token)


class Exchange:
    """One request and its answer, with the units that were taken for it."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._call = asyncio.current_task()
        self._holds: list[Hold] = []
        self._answered = self._gone = False
        self._watcher: asyncio.Task[None] | None = None
        self._ahead: deque[Message] = deque()
        self._arrived, self._taken = asyncio.Event(), asyncio.Event()

    async def hold(
        self,
        gate: Tollgate,
        user_id: str,
        resource_type: str,
        cost: int,
        *,
        ttl_seconds: int | None,
    ) -> Hold:
        """Takes units, to be settled with the answer."""
        self._watch()
        reserving = gate.spawn(gate.reserve(user_id, resource_type, cost, ttl_seconds=ttl_seconds))
        try:
            # Not cancelled with the call: what is taken by then must be known, to be given back.
            reservation = await asyncio.shield(reserving)
        except asyncio.CancelledError:
            reserving.add_done_callback(_GiveBack(gate, cost))
            raise
        except Unavailable as error:
            if not gate.lets_through(error):
                raise
            reservation = None
        held = Hold(gate, cost, reservation)
        self._holds.append(held)
        return held

    async def receive(self) -> Message:
        """What the application reads; the watcher may have read it before."""
        while True:
            if self._ahead:
                message = self._ahead.popleft()
                self._taken.set()
                return message
            if self._watcher is None or self._watcher.done():
                return await self._receive()
            self._arrived.clear()
            await self._arrived.wait()

    async def send(self, message: Message) -> None:
        """What the application answers; its status settles the units, before it leaves."""
        if message["type"] == "http.response.start" and not self._answered:
            self._answered = True
            self._stop_watching()
            holds = await self._settle(charge=message["status"] < 400 and not self._gone)
            if holds and (quota := holds[-1].quota) is not None:
                headers = MutableHeaders(raw=[*message.get("headers", ())])
                for name, value in quota_headers(quota).items():
                    headers[name] = value
                message = {**message, "headers": headers.raw}
        await self._send(message)

    async def end(self) -> None:
        """The application is done; what no answer has settled is given back."""
        self._stop_watching()
        self._answered = True
        await self._settle(charge=False)

    def forgive(self) -> bool:
        """Whether the cancellation was ours, because nobody waits for the answer any more."""
        return bool(self._gone and self._call is not None and self._call.uncancel() == 0)

    async def _settle(self, *, charge: bool) -> list[Hold]:
        holds, self._holds = self._holds, []
        # Those that are deferred by now are settled by their jobs.
        mine = [hold for hold in holds if not hold.deferred]
        await asyncio.gather(*(hold.settle(charge=charge) for hold in mine))
        return holds

    def _watch(self) -> None:
        if self._watcher is None and not self._answered:
            self._watcher = asyncio.create_task(self._until_gone())
            # However it ends: whoever waits for a message must not wait for it.
            self._watcher.add_done_callback(lambda _: self._arrived.set())

    def _stop_watching(self) -> None:
        if self._watcher is not None and not self._watcher.done():
            self._watcher.cancel()
        self._watcher = None
        self._arrived.set()

    async def _until_gone(self) -> None:
        """Reads ahead of the application, one message at most, to see the client hang up."""
        while True:
            message = await self._receive()
            self._ahead.append(message)
            self._arrived.set()
            if message["type"] == "http.disconnect":
                if not self._answered and self._call is not None:
                    self._gone = True
                    self._call.cancel()
                return
            if message.get("more_body"):
                # The rest of a body waits at the server, not in our memory.
                self._taken.clear()
                if self._ahead:
                    await self._taken.wait()


class _GiveBack:
    """Gives back what was taken for a call that was over by then."""

    def __init__(self, gate: Tollgate, cost: int) -> None:
        self._gate, self._cost = gate, cost

    def __call__(self, reserving: asyncio.Task[Reservation]) -> None:
        if reserving.cancelled() or reserving.exception() is not None:
            return
        hold = Hold(self._gate, self._cost, reserving.result())
        self._gate.spawn(hold.settle(charge=False))


def _language_of(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"accept-language":
            return str(value.decode("latin-1"))
    return None
