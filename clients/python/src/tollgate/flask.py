"""Guards for Flask: the same names, settled from the real status of the answer.

::

    gate = Tollgate()                       # TOLLGATE_URL, TOLLGATE_SERVICE_KEY
    app = Flask(__name__)
    gate.install(app)


    @app.post("/process")
    @gate.consume_quota("dicom_processing", cost=1)
    def process():
        hold = current_hold()
        ...                                 # an answer below 400 is charged, anything else is not

Decorators stand under the route decorator. ``current_user()`` and ``current_hold()`` are the person
and the units of the present request. A client that hangs up is not seen by WSGI: its call is
settled by the answer that nobody reads.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Literal, TypeVar, cast

import httpx2
from flask import Flask, Response, current_app, g, has_request_context, request

from .callers import Credential, Known, credential_of, plans_of, within_scopes
from .client import Client
from .errors import (
    SubscriptionRequired,
    TollgateError,
    Unauthenticated,
    Unavailable,
    ValidationFailed,
    made_here,
)
from .models import Quota, Reservation, Settled, User, Verification
from .refusals import headers_of, problem_of, quota_headers
from .tokens import Claims, KeysWanted, NotCheckable, TokenRing

__all__ = ["DeferredHold", "Hold", "Tollgate", "User", "current_hold", "current_user"]

log = logging.getLogger("tollgate")
F = TypeVar("F", bound=Callable[..., Any])


class Hold:
    """The units of one request; settled by its answer, unless it is deferred.

    ``reservation_id`` is ``None`` for a call that was let through uncharged.
    """

    def __init__(self, gate: Tollgate, cost: int, reservation: Reservation | None) -> None:
        self.cost = cost
        self.quota: Quota | None = reservation.quota if reservation else None
        self.reservation_id = reservation.reservation_id if reservation else None
        self.deferred = False
        self._gate = gate
        self._charge: int | None = None

    def set_cost(self, cost: int) -> None:
        """Charges ``cost`` calls instead, 1 to what was set aside; the others are given back.

        Raises ``ValidationFailed`` (422 for the client, nothing is charged) for more or less.
        """
        if not 1 <= cost <= self.cost:
            code = "above_reservation" if cost > self.cost else "invalid_cost"
            errors = [{"field": "/cost", "code": code, "detail": f"1 - {self.cost}"}]
            raise made_here(ValidationFailed, errors=errors)
        self._charge = cost

    def defer(self) -> DeferredHold:
        """Takes settling over: the answer settles nothing any more, a background job does."""
        if self.deferred:
            raise RuntimeError("the hold is deferred already")
        self.deferred = True
        return DeferredHold(self)

    def settle(self, *, charge: bool) -> Settled | None:
        """Charges or gives back. Raises as ``quota.commit`` and ``quota.release``."""
        if self.reservation_id is None:
            return None
        quota = self._gate.client.quota
        if charge:
            return quota.commit(self.reservation_id, cost=self._charge)
        return quota.release(self.reservation_id)


class DeferredHold:
    """A hold that a background job settles; unsettled, its units come back at its end."""

    def __init__(self, hold: Hold) -> None:
        self._hold = hold

    @property
    def reservation_id(self) -> str | None:
        """Its id at the service; ``None`` for a call that was let through uncharged."""
        return self._hold.reservation_id

    def commit(self, cost: int | None = None) -> Settled | None:
        """Charges it, all or ``cost`` calls of it.

        Raises ``ReservationSettled`` when it ended otherwise, ``Unavailable`` to try again.
        """
        if cost is not None:
            self._hold.set_cost(cost)
        return self._hold.settle(charge=True)

    def release(self) -> Settled | None:
        """Gives it back. Raises ``ReservationSettled`` when it was charged."""
        return self._hold.settle(charge=False)

    def extend(self, ttl_seconds: int) -> None:
        """Moves its end to ``ttl_seconds`` from now. Raises ``ReservationSettled``."""
        if self._hold.reservation_id is not None:
            self._hold._gate.client.quota.extend(self._hold.reservation_id, ttl_seconds)


@dataclass
class _Present:
    """What the present request has: who asks, and what is set aside."""

    asked: bool = False
    credential: Credential | None = None
    user_id: str = ""
    verification: Verification | None = None
    holds: list[Hold] = field(default_factory=list)


class Tollgate:
    """Guards for the routes of one Flask application; values as of the gate for FastAPI."""

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
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        if on_unavailable not in ("refuse", "allow"):
            raise ValueError('on_unavailable is "refuse" or "allow"')
        self.client = Client(
            base_url,
            service_key=service_key,
            timeout=timeout,
            longest_wait=1.0,
            within=2.0,
            transport=transport,
        )
        #: The service's quota calls: ``gate.quota.consume_quota(user.id, "dicom_processing")``.
        self.quota = self.client.quota
        self.let_through = 0
        self._allow = on_unavailable == "allow"
        self._known = Known(seconds=key_cache_seconds)
        self._ring = TokenRing(
            secret=jwt_secret or os.environ.get("JWT_SECRET_KEY") or None, issuer=issuer
        )
        # The ring and what is known are read and changed by the threads of all requests.
        self._lock = threading.Lock()

    def install(self, app: Flask) -> None:
        """Settles holds by the answers of ``app``, and answers refusals as problem+json."""
        if app.extensions.get("tollgate") is self:
            return
        app.extensions["tollgate"] = self
        app.after_request(self._answered)
        app.teardown_request(self._over)
        app.register_error_handler(TollgateError, _refused)

    # --- guards -------------------------------------------------------------------------------

    def require_auth(self, view: F) -> F:
        """Lets signed-in people and keys through; ``current_user()`` is the person. 401."""
        return self._before(view, lambda: self._verified(None))

    def require_permission(self, permission: str, *, scope: str | None = None) -> Callable[[F], F]:
        """Lets those through who hold ``permission``; the service is asked at every call. 403."""

        def check() -> None:
            present = self._verified(scope)
            self._ask(cast("Credential", present.credential), permission=permission)

        return lambda view: self._before(view, check)

    def require_subscription(
        self, plan: str | Sequence[str] | None = None, *, scope: str | None = None
    ) -> Callable[[F], F]:
        """Lets those through who have ``plan`` (a slug, or several; left out: any). 402."""
        plans = plans_of(plan)

        def check() -> None:
            present = self._verified(scope)
            found = present.verification
            if not _has(found, plans):
                found = self._ask(cast("Credential", present.credential), plan=plans)
            if not _has(found, plans):
                url = f"{self.client.base_url}/payments/plans"
                raise made_here(SubscriptionRequired, upgrade_url=url)
            present.verification = found

        return lambda view: self._before(view, check)

    def consume_quota(
        self,
        resource_type: str,
        cost: int = 1,
        *,
        scope: str = "quota",
        hold_seconds: int | None = None,
    ) -> Callable[[F], F]:
        """Sets units aside before the view, charges them if it answers below 400. 402, 429."""
        if not resource_type or cost < 1:
            raise ValueError("consume_quota takes a resource type and a cost of 1 or more")

        def check() -> None:
            present = self._somebody()
            if present.verification is not None:
                within_scopes(present.verification, scope)
            reservation: Reservation | None = None
            try:
                reservation = self.client.quota.reserve(
                    resource_type, cost, user_id=present.user_id, ttl_seconds=hold_seconds
                )
            except Unavailable as error:
                if not self._allow:
                    raise
                with self._lock:
                    self.let_through += 1
                log.warning("let through uncharged, %d so far: %s", self.let_through, error)
            present.holds.append(Hold(self, cost, reservation))

        return lambda view: self._before(view, check)

    def _before(self, view: F, check: Callable[[], Any]) -> F:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if current_app.extensions.get("tollgate") is not self:
                raise RuntimeError("a guard needs gate.install(app), where the application is made")
            check()
            return current_app.ensure_sync(view)(*args, **kwargs)

        return cast("F", guarded)

    # --- who asks -----------------------------------------------------------------------------

    def _somebody(self) -> _Present:
        present = _present()
        if not present.asked:
            credential = credential_of(_headers(), request.remote_addr)
            if credential is not None:
                present.user_id, present.verification = self._identify(credential)
            present.credential, present.asked = credential, True
        if present.credential is None:
            raise made_here(Unauthenticated)
        return present

    def _verified(self, scope: str | None) -> _Present:
        present = self._somebody()
        if present.verification is None:
            raise made_here(Unavailable)
        within_scopes(present.verification, scope)
        return present

    def _identify(self, credential: Credential) -> tuple[str, Verification | None]:
        claims: Claims | None = None
        if credential.is_token:
            try:
                claims = self._claims(credential.text)
            except NotCheckable:
                claims = None
        with self._lock:
            found = self._known.find(credential)
        if found is None:
            try:
                found = self._ask(credential)
            except Unavailable:
                with self._lock:
                    found = self._known.find(credential, last_resort=True) if self._allow else None
                if found is None and (claims is None or not self._allow):
                    raise
        return (found.user.id if found else claims.user_id if claims else ""), found

    def _ask(
        self,
        credential: Credential,
        *,
        plan: Sequence[str] | None = None,
        permission: str | None = None,
    ) -> Verification:
        try:
            found = self.client.auth.verify(
                credential.text,
                plan=plan,
                permission=permission,
                forwarded_for=credential.address,
            )
        except Unauthenticated:
            with self._lock:
                self._known.forget(credential)
            raise
        if permission is None:
            with self._lock:
                self._known.remember(credential, found)
        return found

    def _claims(self, token: str) -> Claims:
        # One at a time, so that many calls at once fetch the keys once.
        with self._lock:
            try:
                claims = self._ring.check(token)
            except KeysWanted:
                self._learn_keys()
                claims = self._ring.check(token)
            else:
                if self._ring.due():
                    try:
                        self._learn_keys()
                    except TollgateError as error:
                        log.warning("the keys of the service were not renewed: %s", error)
            return claims

    def _learn_keys(self) -> None:
        self._ring.learn(self.client.auth.metadata(), self.client.auth.jwks())

    # --- the answer ---------------------------------------------------------------------------

    def _answered(self, response: Response) -> Response:
        holds = _settle(charge=response.status_code < 400)
        if holds and (quota := holds[-1].quota) is not None:
            response.headers.update(quota_headers(quota))
        return response

    def _over(self, _error: BaseException | None) -> None:
        # Whatever no answer has settled: the view broke where no answer was made of it.
        _settle(charge=False)


def current_user() -> User:
    """The person of the present request. Raises ``RuntimeError`` without a guard around it."""
    verification = _present().verification
    if verification is None:
        raise RuntimeError("there is no person: put a guard before the view")
    return verification.user


def current_hold() -> Hold:
    """The units of the present request. Raises ``RuntimeError`` without ``consume_quota``."""
    holds = _present().holds
    if not holds:
        raise RuntimeError("nothing is set aside: put consume_quota before the view")
    return holds[-1]


def _present() -> _Present:
    if not has_request_context():
        raise RuntimeError("there is no request")
    if "tollgate" not in g:
        g.tollgate = _Present()
    return cast("_Present", g.tollgate)


def _headers() -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


def _settle(*, charge: bool) -> list[Hold]:
    present = _present()
    holds, present.holds = present.holds, []
    for hold in holds:
        if hold.deferred:
            continue
        try:
            settled = hold.settle(charge=charge)
        except TollgateError as error:
            log.error("hold %s was not settled: %s", hold.reservation_id, error)
        else:
            hold.quota = settled.quota if settled else hold.quota
    return holds


def _has(found: Verification | None, plans: Sequence[str] | None) -> bool:
    if found is None or found.subscription is None or not found.subscription.is_entitled:
        return False
    return plans is None or found.plan in plans


def _refused(error: TollgateError) -> Response:
    body = problem_of(
        error,
        path=request.path,
        language=request.headers.get("accept-language"),
        request_id=request.headers.get("x-request-id"),
    )
    headers = {**headers_of(error), "cache-control": "no-store", "x-request-id": body["request_id"]}
    content = json.dumps(body, ensure_ascii=False, default=str)
    return Response(content, body["status"], headers, mimetype="application/problem+json")
