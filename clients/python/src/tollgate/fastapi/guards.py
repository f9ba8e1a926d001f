"""The guards by name, for a gate that is known now or found at each request."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload
from uuid import UUID

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer

from ..callers import Credential, plans_of, within_scopes
from ..errors import (
    SubscriptionRequired,
    TollgateError,
    Unauthenticated,
    Unavailable,
    made_here,
)
from ..models import Subscription, Usage, User, Verification
from .guard import Guard
from .hold import Hold
from .problems import refusal
from .settle import KEY, Exchange

if TYPE_CHECKING:
    from .gate import Tollgate

T = TypeVar("T")

_BEARER = HTTPBearer(
    auto_error=False, scheme_name="Tollgate", description="An access token or an API key."
)
_KEY_HEADER = APIKeyHeader(name="X-API-Key", auto_error=False, scheme_name="Tollgate API key")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. ``verification`` is ``None`` only where the service is away and that is allowed."""

    credential: Credential
    user_id: str
    verification: Verification | None


#: Who asks, in the request that is being answered here.
present: ContextVar[Caller | None] = ContextVar("tollgate_caller", default=None)


class Guards(ABC):
    """What can be put before a route. Each is a dependency and a decorator: :class:`Guard`."""

    def __init__(self) -> None:
        #: ``Depends(gate.get_current_user)``: the :class:`User`, or 401.
        self.get_current_user: Guard[User] = self.current_user()
        #: The same, ``None`` for who shows no credential.
        self.get_optional_user: Guard[User | None] = self.current_user(optional=True)
        #: ``@gate.require_auth``, or ``dependencies=[Depends(gate.require_auth)]``.
        self.require_auth: Guard[User] = self.get_current_user

    @abstractmethod
    def gate(self) -> Tollgate:
        """The gate that decides about the present request."""

    @overload
    def current_user(
        self, *, optional: Literal[False] = False, scope: str | None = None
    ) -> Guard[User]: ...

    @overload
    def current_user(
        self, *, optional: Literal[True], scope: str | None = None
    ) -> Guard[User | None]: ...

    def current_user(self, *, optional: bool = False, scope: str | None = None) -> Any:
        """The person who asks. ``optional`` lets nobody in as ``None``; a bad credential is 401.

        A key that is limited to scopes opens it only with ``scope`` among them.
        """

        async def current_user(caller: Caller | None = Depends(self._caller)) -> User | None:
            if caller is None and optional:
                return None
            return _verified(_somebody(caller), scope).user

        return Guard(current_user, gives=User, named="current_user")

    def require_permission(self, permission: str, *, scope: str | None = None) -> Guard[User]:
        """Lets those through who hold ``permission``; the service is asked at every call.

        403 ``permission_denied`` otherwise.
        """

        async def require_permission(caller: Caller | None = Depends(self._caller)) -> User:
            somebody = _somebody(caller)
            _verified(somebody, scope)
            return (
                await _answered(self.gate().ask(somebody.credential, permission=permission))
            ).user

        return Guard(require_permission, gives=User, named="current_user")

    def require_subscription(
        self, plan: str | Sequence[str] | None = None, *, scope: str | None = None
    ) -> Guard[Subscription]:
        """Lets those through who have ``plan`` (a slug, or one of several; left out: any).

        402 ``subscription_required`` or ``plan_required`` otherwise. A yes is believed for
        ``key_cache_seconds``; a no is always asked again, so that who has just paid gets in.
        """
        plans = plans_of(plan)

        async def require_subscription(
            caller: Caller | None = Depends(self._caller),
        ) -> Subscription:
            somebody = _somebody(caller)
            found = _verified(somebody, scope)
            if not _has(found, plans):
                found = await _answered(self.gate().ask(somebody.credential, plan=plans))
            if found.subscription is None or not _has(found, plans):
                url = f"{self.gate().client.base_url}/payments/plans"
                raise refusal(made_here(SubscriptionRequired, upgrade_url=url))
            return found.subscription

        return Guard(require_subscription, gives=Subscription)

    @overload
    def consume_quota(
        self,
        resource_type: str,
        cost: int = 1,
        *,
        scope: str = "quota",
        hold_seconds: int | None = None,
    ) -> Guard[Hold]: ...

    @overload
    def consume_quota(
        self, user_id: str | UUID, resource_type: str, cost: int = 1
    ) -> Awaitable[Usage | None]: ...

    def consume_quota(self, *words: Any, **named: Any) -> Any:
        """``consume_quota("dicom_processing", cost=1)`` is a guard; its value is the :class:`Hold`.

        Units (``cost`` times the plan's price) are set aside before the handler, charged if it
        answers below 400, and given back otherwise. ``hold_seconds`` is how long, beyond what the
        handler or its job ever takes. 401, 402, 429 ``quota_exceeded`` come before the handler.

        ``await consume_quota(user.id, "dicom_processing", cost=1)`` charges at once, and is not
        given back when the handler fails. ``None``: let through (``on_unavailable="allow"``).
        """
        if "user_id" in named or (words[1:] and isinstance(words[1], str)):
            return self._consume_now(*words, **named)
        if words[:1] and "resource_type" in named:
            return self._consume_now(*words, **named)
        return self._consume_guard(*words, **named)

    def _consume_guard(
        self,
        resource_type: str,
        cost: int = 1,
        *,
        scope: str = "quota",
        hold_seconds: int | None = None,
    ) -> Guard[Hold]:
        if not isinstance(resource_type, str) or not resource_type or cost < 1:
            raise ValueError("consume_quota takes a resource type and a cost of 1 or more")

        async def consume_quota(
            request: Request, caller: Caller | None = Depends(self._caller)
        ) -> Hold:
            somebody = _somebody(caller)
            exchange = request.scope.get(KEY)
            if not isinstance(exchange, Exchange):
                raise RuntimeError(  # noqa: TRY004 - the application is not set up
                    "consume_quota needs gate.install(app), once, where the application is made"
                )
            if somebody.verification is not None:
                _verified(somebody, scope)
            return await _answered(
                exchange.hold(
                    self.gate(), somebody.user_id, resource_type, cost, ttl_seconds=hold_seconds
                )
            )

        return Guard(consume_quota, gives=Hold)

    async def _consume_now(
        self, user_id: str | UUID, resource_type: str, cost: int = 1
    ) -> Usage | None:
        try:
            return await self.gate().charge(present.get(), str(user_id), resource_type, cost)
        except Unavailable as error:
            if not self.gate().lets_through(error):
                raise
            return None

    async def _caller(
        self,
        request: Request,
        _bearer: Any = Security(_BEARER),
        _key: Any = Security(_KEY_HEADER),
    ) -> Caller | None:
        """Who asks: one look for all guards of a request."""
        caller = await _answered(self.gate().caller_of(request))
        present.set(caller)
        return caller


async def _answered(asked: Awaitable[T]) -> T:
    """Refusals in the shape that FastAPI answers, also where nothing is installed."""
    try:
        return await asked
    except TollgateError as error:
        raise refusal(error) from error


def _somebody(caller: Caller | None) -> Caller:
    if caller is None:
        raise refusal(made_here(Unauthenticated))
    return caller


def _verified(caller: Caller, scope: str | None) -> Verification:
    if caller.verification is None:
        # Charging may be forgiven; who somebody is and what they may is not guessed.
        raise refusal(made_here(Unavailable))
    try:
        within_scopes(caller.verification, scope)
    except TollgateError as error:
        raise refusal(error) from error
    return caller.verification


def _has(found: Verification, plans: Sequence[str] | None) -> bool:
    if found.subscription is None or not found.subscription.is_entitled:
        return False
    return plans is None or found.plan in plans
