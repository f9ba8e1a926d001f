"""The areas of both clients, made from the same calls.

``now`` and ``awaited`` turn a builder of :mod:`tollgate.calls` into a method that sends what it
builds; ``each`` and ``each_awaited`` do so for lists, which fetch page after page by themselves.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar

from .call import Call, Page, after
from .calls import auth, payments, quota, usage

P = ParamSpec("P")
T = TypeVar("T")


class Sends(Protocol):
    """Whatever sends a call and gives its value."""

    def send(self, call: Call[T], /) -> T:
        """Sends it."""


class SendsAwaited(Protocol):
    """Whatever sends a call and gives its value in time."""

    async def send(self, call: Call[T], /) -> T:
        """Sends it."""


class Area:
    """A part of :class:`tollgate.Client`."""

    def __init__(self, client: Sends) -> None:
        self._client = client


class AsyncArea:
    """A part of :class:`tollgate.AsyncClient`."""

    def __init__(self, client: SendsAwaited) -> None:
        self._client = client


class Pages(Generic[T]):
    """A list that fetches its pages as it is read: ``for x in pages``."""

    def __init__(self, client: Sends, first: Call[Page[T]]) -> None:
        self._client, self._first = client, first

    def pages(self) -> Iterator[Page[T]]:
        """Page by page."""
        call: Call[Page[T]] | None = self._first
        while call is not None:
            page = self._client.send(call)
            yield page
            call = _next(call, page)

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            yield from page.data


class AsyncPages(Generic[T]):
    """A list that fetches its pages as it is read: ``async for x in pages``."""

    def __init__(self, client: SendsAwaited, first: Call[Page[T]]) -> None:
        self._client, self._first = client, first

    async def pages(self) -> AsyncIterator[Page[T]]:
        """Page by page."""
        call: Call[Page[T]] | None = self._first
        while call is not None:
            page = await self._client.send(call)
            yield page
            call = _next(call, page)

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for item in page.data:
                yield item


def _next(call: Call[Page[T]], page: Page[T]) -> Call[Page[T]] | None:
    # A cursor that does not move would fetch the same page for ever.
    moves = page.next_cursor and ("starting_after", page.next_cursor) not in call.query
    return after(call, page.next_cursor) if page.has_more and page.next_cursor and moves else None


def now(build: Callable[P, Call[T]]) -> Callable[Concatenate[Area, P], T]:
    """The method that sends what ``build`` describes."""

    @wraps(build)
    def method(self: Area, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._client.send(build(*args, **kwargs))

    return _with_self(method, build)


def awaited(build: Callable[P, Call[T]]) -> Callable[Concatenate[AsyncArea, P], Awaitable[T]]:
    """The same for the client that is awaited."""

    @wraps(build)
    async def method(self: AsyncArea, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._client.send(build(*args, **kwargs))

    return _with_self(method, build)


def each(build: Callable[P, Call[Page[T]]]) -> Callable[Concatenate[Area, P], Pages[T]]:
    """The method that reads the list which ``build`` describes."""

    @wraps(build)
    def method(self: Area, /, *args: P.args, **kwargs: P.kwargs) -> Pages[T]:
        return Pages(self._client, build(*args, **kwargs))

    return _with_self(method, build)


def each_awaited(
    build: Callable[P, Call[Page[T]]],
) -> Callable[Concatenate[AsyncArea, P], AsyncPages[T]]:
    """The same for the client that is awaited."""

    @wraps(build)
    def method(self: AsyncArea, /, *args: P.args, **kwargs: P.kwargs) -> AsyncPages[T]:
        return AsyncPages(self._client, build(*args, **kwargs))

    return _with_self(method, build)


M = TypeVar("M", bound=Callable[..., Any])


def _with_self(method: M, build: Callable[..., Any]) -> M:
    # Otherwise help() would take the first parameter of the builder for self.
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    told = inspect.signature(build)
    first = [own, *told.parameters.values()]
    if any(p.kind is inspect.Parameter.POSITIONAL_ONLY for p in told.parameters.values()):
        raise TypeError(f"{build.__name__}: parameters have names")
    method.__signature__ = told.replace(parameters=first)  # type: ignore[attr-defined]
    return method


class Auth(Area):
    """Accounts, sign-ins and keys."""

    register = now(auth.register)
    login = now(auth.login)
    login_second_factor = now(auth.login_second_factor)
    refresh = now(auth.refresh)
    logout = now(auth.logout)
    me = now(auth.me)
    verify = now(auth.verify)
    introspect = now(auth.introspect)
    revoke = now(auth.revoke)
    change_password = now(auth.change_password)
    jwks = now(auth.jwks)
    metadata = now(auth.metadata)
    api_keys = each(auth.api_keys)
    create_api_key = now(auth.create_api_key)
    delete_api_key = now(auth.delete_api_key)
    rotate_api_key = now(auth.rotate_api_key)


class AsyncAuth(AsyncArea):
    """Accounts, sign-ins and keys."""

    register = awaited(auth.register)
    login = awaited(auth.login)
    login_second_factor = awaited(auth.login_second_factor)
    refresh = awaited(auth.refresh)
    logout = awaited(auth.logout)
    me = awaited(auth.me)
    verify = awaited(auth.verify)
    introspect = awaited(auth.introspect)
    revoke = awaited(auth.revoke)
    change_password = awaited(auth.change_password)
    jwks = awaited(auth.jwks)
    metadata = awaited(auth.metadata)
    api_keys = each_awaited(auth.api_keys)
    create_api_key = awaited(auth.create_api_key)
    delete_api_key = awaited(auth.delete_api_key)
    rotate_api_key = awaited(auth.rotate_api_key)


class Payments(Area):
    """Plans, subscriptions and payments."""

    plans = each(payments.plans)
    plan = now(payments.plan)
    quote = now(payments.quote)
    subscribe = now(payments.subscribe)
    create = now(payments.create)
    current = now(payments.current)
    cancel = now(payments.cancel)
    resume = now(payments.resume)
    renew = now(payments.renew)
    history = each(payments.history)
    status = now(payments.status)
    transactions = each(payments.transactions)
    transaction = now(payments.transaction)
    refund = now(payments.refund)


class AsyncPayments(AsyncArea):
    """Plans, subscriptions and payments."""

    plans = each_awaited(payments.plans)
    plan = awaited(payments.plan)
    quote = awaited(payments.quote)
    subscribe = awaited(payments.subscribe)
    create = awaited(payments.create)
    current = awaited(payments.current)
    cancel = awaited(payments.cancel)
    resume = awaited(payments.resume)
    renew = awaited(payments.renew)
    history = each_awaited(payments.history)
    status = awaited(payments.status)
    transactions = each_awaited(payments.transactions)
    transaction = awaited(payments.transaction)
    refund = awaited(payments.refund)


class Transactions(Area):
    """Payments that were made."""

    list = each(payments.transactions)
    get = now(payments.transaction)


class AsyncTransactions(AsyncArea):
    """Payments that were made."""

    list = each_awaited(payments.transactions)
    get = awaited(payments.transaction)


class Quotas(Area):
    """Units of quota."""

    check = now(quota.check)
    consume = now(quota.consume)
    consume_quota = now(quota.consume_quota)
    reserve = now(quota.reserve)
    commit = now(quota.commit)
    release = now(quota.release)
    extend = now(quota.extend)
    refund = now(quota.refund)


class AsyncQuotas(AsyncArea):
    """Units of quota."""

    check = awaited(quota.check)
    consume = awaited(quota.consume)
    consume_quota = awaited(quota.consume_quota)
    reserve = awaited(quota.reserve)
    commit = awaited(quota.commit)
    release = awaited(quota.release)
    extend = awaited(quota.extend)
    refund = awaited(quota.refund)


class UsageArea(Area):
    """What was used."""

    logs = each(usage.logs)
    summary = now(usage.summary)
    timeseries = now(usage.timeseries)
    explain = now(usage.explain)


class AsyncUsageArea(AsyncArea):
    """What was used."""

    logs = each_awaited(usage.logs)
    summary = awaited(usage.summary)
    timeseries = awaited(usage.timeseries)
    explain = awaited(usage.explain)
