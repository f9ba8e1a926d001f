"""The gate: who may call a route of a FastAPI application, and what it costs."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal, TypeVar

import httpx2
from fastapi import FastAPI, Request
from starlette.applications import Starlette

from ..areas import AsyncAuth, AsyncPayments, AsyncQuotas, AsyncTransactions, AsyncUsageArea
from ..call import Call
from ..callers import Credential, Known, credential_of
from ..client import AsyncClient
from ..errors import (
    TollgateError,
    Unauthenticated,
    Unavailable,
)
from ..models import Reservation, Usage, Verification
from ..tokens import Claims, KeysWanted, NotCheckable, TokenRing
from .guards import Caller, Guards
from .problems import answer, refusal
from .settle import SettleMiddleware, language

log = logging.getLogger("tollgate")
T = TypeVar("T")

#: At the end the gate waits so long for holds that are being settled, in seconds.
DRAIN = 10.0
#: A guard gives up soon: no further try begins later, in seconds. A caller waits for it.
RETRIES_WITHIN = 2.0
NO_SERVICE_KEY = (
    "TOLLGATE_SERVICE_KEY is missing: an admin makes one with the scope quota at "
    "POST /admin/service-keys"
)


class Tollgate(Guards):
    """Guards for the routes of one FastAPI application.

    ``base_url`` and ``service_key`` default to ``TOLLGATE_URL`` and ``TOLLGATE_SERVICE_KEY``; the
    key needs the scope ``quota``. ``jwt_secret`` is for a service that signs by HS256 and defaults
    to ``JWT_SECRET_KEY``; ``issuer`` defaults to what the service says of itself. What the service
    said of a credential is believed for ``key_cache_seconds``. When it does not answer within
    ``timeout`` seconds a guarded route answers 503; with ``on_unavailable="allow"`` a caller who is
    known passes uncharged, with a warning in the log and in ``let_through``.
    """

    def __init__(
        self,
        base_url: str | None = None,
        service_key: str | None = None,
        *,
        jwt_secret: str | None = None,
        issuer: str | None = None,
        key_cache_seconds: float = 30.0,
        on_unavailable: Literal["refuse", "allow"] = "refuse",
        timeout: float = 5.0,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        if on_unavailable not in ("refuse", "allow"):
            raise ValueError('on_unavailable is "refuse" or "allow"')
        self._url, self._service_key = base_url, service_key
        self._timeout, self._transport = timeout, transport
        self._allow = on_unavailable == "allow"
        self.let_through = 0
        self.loop: asyncio.AbstractEventLoop | None = None
        self._client: AsyncClient | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._asking: dict[Credential, asyncio.Task[Verification]] = {}
        self._fetching: asyncio.Task[None] | None = None
        self._known = Known(seconds=key_cache_seconds)
        self._ring = TokenRing(
            secret=jwt_secret or os.environ.get("JWT_SECRET_KEY") or None, issuer=issuer
        )
        #: The service's areas, by the service key: ``await gate.quota.consume_quota(…)``.
        self.auth = AsyncAuth(self)
        self.payments = AsyncPayments(self)
        self.transactions = AsyncTransactions(self)
        self.quota = AsyncQuotas(self)
        self.usage = AsyncUsageArea(self)
        super().__init__()

    # --- the application ----------------------------------------------------------------------

    def install(self, app: FastAPI | Starlette) -> None:
        """Settles holds by the answers of ``app``, and answers refusals as problem+json.

        Before the first request; a second time does nothing.
        """
        if getattr(app.state, "tollgate", None) is self:
            return
        app.state.tollgate = self
        app.add_middleware(SettleMiddleware)
        app.add_exception_handler(TollgateError, answer)

    @asynccontextmanager
    async def lifespan(self, _app: Any = None) -> AsyncIterator[None]:
        """``FastAPI(lifespan=gate.lifespan)``: at the end, waits for holds and closes connections.

        In a lifespan of your own: ``async with gate.lifespan(app): …``.
        """
        try:
            yield
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """Waits for what is being settled, ten seconds at most, and closes the connections."""
        here = asyncio.get_running_loop()
        until = here.time() + DRAIN
        # What ends may begin something: units that came too late are given back.
        while mine := {task for task in self._tasks if task.get_loop() is here}:
            if here.time() >= until:
                log.error("%d holds were left to their end", len(mine))
                for task in mine:
                    task.cancel()
                break
            await asyncio.wait(mine, timeout=until - here.time())
            await asyncio.sleep(0)
        client, self._client, self.loop = self._client, None, None
        if client is not None:
            await client.aclose()

    def address(self) -> str | None:
        """Where the service is; ``None`` leaves it to ``TOLLGATE_URL``."""
        return self._url

    @property
    def client(self) -> AsyncClient:
        """The client of the gate, by its service key. One for each event loop."""
        here = asyncio.get_running_loop()
        if self._client is None or self.loop is not here:
            # Connections belong to the loop that made them; a test may run each call in its own.
            self.loop, self._asking, self._fetching = here, {}, None
            self._client = AsyncClient(
                self.address(),
                service_key=self._service_key,
                timeout=self._timeout,
                longest_wait=1.0,
                within=RETRIES_WITHIN,
                transport=self._transport,
                limits=httpx2.Limits(max_connections=100, max_keepalive_connections=50),
            )
        return self._client

    async def send(self, call: Call[T], /) -> T:
        """Sends a call of the areas, in the language of the present request."""
        try:
            return await self.client.speaking(language.get()).send(call)
        except TollgateError as error:
            raise refusal(error) from error

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """A task that the gate keeps hold of until it is done."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # --- what guards are made of --------------------------------------------------------------

    async def reserve(
        self, user_id: str, resource_type: str, cost: int, *, ttl_seconds: int | None = None
    ) -> Reservation:
        """Sets units of a person aside. Raises as ``quota.reserve``."""
        if not self._has_service_key():
            raise RuntimeError(NO_SERVICE_KEY)
        client = self.client.speaking(language.get())
        return await client.quota.reserve(
            resource_type, cost, user_id=user_id, ttl_seconds=ttl_seconds
        )

    async def charge(
        self, caller: Caller | None, user_id: str, resource_type: str, cost: int
    ) -> Usage:
        """Charges at once: by the service key, or without one by the person's own credential.

        Raises as ``quota.consume``, and ``RuntimeError`` when neither is there.
        """
        if self._has_service_key():
            return await self.quota.consume(resource_type, cost, user_id=user_id)
        if caller is None or caller.user_id != user_id:
            raise RuntimeError(NO_SERVICE_KEY)
        client = self.client.speaking(language.get()).acting_as(caller.credential.text)
        try:
            return await client.quota.consume(resource_type, cost)
        except TollgateError as error:
            raise refusal(error) from error

    def _has_service_key(self) -> bool:
        return bool(self._service_key or os.environ.get("TOLLGATE_SERVICE_KEY"))

    def lets_through(self, error: TollgateError) -> bool:
        """Whether a call passes uncharged although the service does not answer; counts it."""
        if self._allow:
            self.let_through += 1
            log.warning("let through uncharged, %d so far: %s", self.let_through, error)
        return self._allow

    def gate(self) -> Tollgate:
        """Its guards are its own."""
        return self

    async def caller_of(self, request: Request) -> Caller | None:
        """Who asks; ``None`` for who shows no credential. Raises as ``identify``."""
        address = request.client.host if request.client else None
        credential = credential_of(request.headers, address)
        return None if credential is None else await self.identify(credential)

    async def identify(self, credential: Credential) -> Caller:
        """Whose credential it is: here by its signature, then by what the service says of it.

        Raises ``Unauthenticated``, ``PermissionDenied`` (a service key), ``Unavailable``.
        """
        claims: Claims | None = None
        if credential.is_token:
            try:
                claims = await self._claims(credential.text)
            except NotCheckable:
                # HS256 without the secret at hand: only the service can tell.
                claims = None
        found = self._known.find(credential)
        if found is None:
            try:
                found = await self._ask_once(credential)
            except Unavailable:
                found = self._known.find(credential, last_resort=True) if self._allow else None
                if found is None and (claims is None or not self._allow):
                    raise
            except TollgateError:
                self._known.forget(credential)
                raise
        user_id = found.user.id if found is not None else claims.user_id if claims else ""
        return Caller(credential, user_id, found)

    async def _ask_once(self, credential: Credential) -> Verification:
        """Many calls at once that show the same new credential ask about it once."""
        client = self.client  # a new loop has forgotten the questions of the old one
        asking = self._asking.get(credential)
        if asking is None:
            asking = self.spawn(self._ask_and_remember(client, credential))
            self._asking[credential] = asking
            asking.add_done_callback(lambda _: self._asking.pop(credential, None))
        return await asyncio.shield(asking)

    async def _ask_and_remember(self, client: AsyncClient, credential: Credential) -> Verification:
        found = await client.speaking(language.get()).auth.verify(
            credential.text, forwarded_for=credential.address
        )
        self._known.remember(credential, found)
        return found

    async def ask(
        self,
        credential: Credential,
        *,
        plan: Sequence[str] | None = None,
        permission: str | None = None,
    ) -> Verification:
        """What the service says now, and not some seconds ago. Raises as ``auth.verify``."""
        try:
            found = await self.client.speaking(language.get()).auth.verify(
                credential.text,
                plan=plan,
                permission=permission,
                forwarded_for=credential.address,
            )
            if permission is None:
                self._known.remember(credential, found)
        except TollgateError as error:
            if isinstance(error, Unauthenticated):
                self._known.forget(credential)
            raise
        return found

    async def _claims(self, token: str) -> Claims:
        client = self.client
        if self._fetching is not None and not self._ring.knows(token):
            await asyncio.shield(self._fetching)
        try:
            claims = self._ring.check(token)
        except KeysWanted:
            await asyncio.shield(self._fetch_keys(client))
            claims = self._ring.check(token)
        if self._ring.due():
            self._fetch_keys(client).add_done_callback(_keys_failed)
        return claims

    def _fetch_keys(self, client: AsyncClient) -> asyncio.Task[None]:
        if self._fetching is None:
            self._fetching = self.spawn(self._learn_keys(client))
            self._fetching.add_done_callback(self._fetched)
        return self._fetching

    def _fetched(self, _task: asyncio.Task[None]) -> None:
        self._fetching = None

    async def _learn_keys(self, client: AsyncClient) -> None:
        metadata, keys = await client.auth.metadata(), await client.auth.jwks()
        self._ring.learn(metadata, keys)


def _keys_failed(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.warning("the keys of the service were not renewed: %s", error)
