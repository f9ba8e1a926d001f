"""The two clients: the same calls, sent now or awaited."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx2

from .areas import (
    AsyncAuth,
    AsyncPayments,
    AsyncQuotas,
    AsyncTransactions,
    AsyncUsageArea,
    Auth,
    Payments,
    Quotas,
    Transactions,
    UsageArea,
)
from .call import Call
from .errors import TollgateError
from .exchange import Settings, lost, request_of, settings, understood
from .retry import RetryPolicy, Tries

T = TypeVar("T")


class Client:
    """The service, called from code that waits. Use it as a context manager, or ``close`` it.

    ``base_url`` and ``service_key`` default to ``TOLLGATE_URL`` and ``TOLLGATE_SERVICE_KEY``. A
    buyer's program passes ``api_key`` or ``access_token`` instead. ``timeout`` is in seconds;
    ``retries`` further tries follow the rules of :mod:`tollgate.retry`: none waits longer than
    ``longest_wait``, or begins more than ``within`` seconds after the first. ``transport`` is for
    tests.

    Areas: ``auth``, ``payments``, ``transactions``, ``quota``, ``usage``. Every method raises a
    :class:`tollgate.TollgateError`.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        service_key: str | None = None,
        api_key: str | None = None,
        access_token: str | None = None,
        language: str | None = None,
        timeout: float = 30.0,
        retries: int = 2,
        longest_wait: float = 30.0,
        within: float = 60.0,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        told = settings(
            base_url,
            service_key=service_key,
            api_key=api_key,
            access_token=access_token,
            language=language,
            timeout=timeout,
            policy=RetryPolicy(retries, longest_wait, within),
        )
        # An answer never sends the credential elsewhere, so redirections are not followed.
        self._begin(told, httpx2.Client(transport=transport, follow_redirects=False))

    def _begin(self, told: Settings, http: httpx2.Client) -> None:
        self._settings, self._http = told, http
        self.auth = Auth(self)
        self.payments = Payments(self)
        self.transactions = Transactions(self)
        self.quota = Quotas(self)
        self.usage = UsageArea(self)

    @property
    def base_url(self) -> str:
        """Where the service is, without a slash at the end."""
        return self._settings.base_url

    def acting_as(self, credential: str) -> Client:
        """The same client with another credential; both share their connections."""
        other = object.__new__(Client)
        other._begin(replace(self._settings, credential=credential), self._http)
        return other

    def send(self, call: Call[T], /) -> T:
        """Sends a call, again where that is safe, and gives its value."""
        request = request_of(call, self._settings)
        tries = Tries(self._settings.policy, call)
        while True:
            try:
                return understood(call, self._http.send(request))
            except httpx2.TransportError as failed:
                error, left = lost(failed)
                pause = tries.pause(error, left=left)
                if pause is None:
                    raise error from failed
            except TollgateError as error:
                pause = tries.pause(error, left=True)
                if pause is None:
                    raise
            time.sleep(pause)

    def close(self) -> None:
        """Closes the connections, also those of what ``acting_as`` gave."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncClient:
    """The service, called from code that awaits: the twin of :class:`Client`, same names."""

    def __init__(
        self,
        base_url: str | None = None,
        *,
        service_key: str | None = None,
        api_key: str | None = None,
        access_token: str | None = None,
        language: str | None = None,
        timeout: float = 30.0,
        retries: int = 2,
        longest_wait: float = 30.0,
        within: float = 60.0,
        transport: httpx2.AsyncBaseTransport | None = None,
        limits: httpx2.Limits | None = None,
    ) -> None:
        told = settings(
            base_url,
            service_key=service_key,
            api_key=api_key,
            access_token=access_token,
            language=language,
            timeout=timeout,
            policy=RetryPolicy(retries, longest_wait, within),
        )
        options: dict[str, Any] = {"limits": limits} if limits is not None else {}
        http = httpx2.AsyncClient(transport=transport, follow_redirects=False, **options)
        self._begin(told, http)

    def _begin(self, told: Settings, http: httpx2.AsyncClient) -> None:
        self._settings, self._http = told, http
        self.auth = AsyncAuth(self)
        self.payments = AsyncPayments(self)
        self.transactions = AsyncTransactions(self)
        self.quota = AsyncQuotas(self)
        self.usage = AsyncUsageArea(self)

    @property
    def base_url(self) -> str:
        """Where the service is, without a slash at the end."""
        return self._settings.base_url

    def acting_as(self, credential: str) -> AsyncClient:
        """The same client with another credential; both share their connections."""
        return self._like(replace(self._settings, credential=credential))

    def speaking(self, language: str | None) -> AsyncClient:
        """The same client with another ``Accept-Language``."""
        return self._like(replace(self._settings, language=language))

    def _like(self, told: Settings) -> AsyncClient:
        other = object.__new__(AsyncClient)
        other._begin(told, self._http)
        return other

    async def send(self, call: Call[T], /) -> T:
        """Sends a call, again where that is safe, and gives its value."""
        request = request_of(call, self._settings)
        tries = Tries(self._settings.policy, call)
        while True:
            try:
                return understood(call, await self._http.send(request))
            except httpx2.TransportError as failed:
                error, left = lost(failed)
                pause = tries.pause(error, left=left)
                if pause is None:
                    raise error from failed
            except TollgateError as error:
                pause = tries.pause(error, left=True)
                if pause is None:
                    raise
            await asyncio.sleep(pause)

    async def aclose(self) -> None:
        """Closes the connections, also those of what ``acting_as`` gave."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()
