"""An in-memory stand-in for the service, for the tests of an application.

::

    fake = FakeTollgate()
    ann = fake.add_user("ann@example.com", plan="pro")
    gate = fake.gate()                      # in place of Tollgate()
    ...
    assert fake.meter(ann) == (1, 0)        # units used, units reserved

It answers what guards and clients ask (accounts, plans, quota, usage) with the outcomes of the
service: the same statuses and codes, holds that end, meters that do not go beyond their limit. It
knows no money, no mail and no staff.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs
from uuid import uuid4

import httpx2
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .client import AsyncClient, Client
from .tokens import AUDIENCE

if TYPE_CHECKING:
    from .fastapi import Tollgate

__all__ = ["FakePlan", "FakeTollgate", "FakeUser"]

_KEY_ID = "fake-1"
_STATUS = {
    "two_credentials": 400,
    "unauthenticated": 401,
    "api_key_invalid": 401,
    "token_expired": 401,
    "subscription_required": 402,
    "plan_required": 402,
    "permission_denied": 403,
    "not_found": 404,
    "no_subscription": 404,
    "reservation_settled": 409,
    "validation_failed": 422,
    "quota_exceeded": 429,
}


@dataclass
class FakePlan:
    """A plan: ``limit`` in units (``None`` is unlimited), ``costs`` in units a call."""

    slug: str
    limit: int | None
    costs: dict[str, int] = field(default_factory=lambda: {"*": 1})
    id: str = field(default_factory=lambda: str(uuid4()))


@dataclass
class FakeUser:
    """Somebody with a sign-in (``token``) and a key (``key``)."""

    email: str
    permissions: tuple[str, ...] = ()
    plan: FakePlan | None = None
    id: str = field(default_factory=lambda: str(uuid4()))
    token: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    used: int = 0
    #: What the log was charged, oldest first.
    log: list[dict[str, Any]] = field(default_factory=list)
    began: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass
class _Hold:
    user: FakeUser
    resource_type: str
    cost: int
    units: int
    ends: datetime
    id: str = field(default_factory=lambda: str(uuid4()))
    #: How it was answered when it was settled, so that a repeat is answered alike.
    settled: tuple[str, int | None, dict[str, Any]] | None = None


class _RefusalError(Exception):
    def __init__(self, code: str, **members: Any) -> None:
        super().__init__(code)
        self.code, self.members = code, members


class FakeTollgate:
    """The stand-in. ``down = True`` makes it not answer at all."""

    #: Where it would be; nothing listens there.
    url = "http://tollgate.invalid"

    def __init__(self) -> None:
        self.down = False
        self.service_key = "sk_" + "test_" + uuid4().hex
        #: Every call that arrived, as method and path.
        self.calls: list[tuple[str, str]] = []
        self.plans = {
            "free": FakePlan("free", 10),
            "pro": FakePlan("pro", 1000),
            "enterprise": FakePlan("enterprise", None),
        }
        self.users: list[FakeUser] = []
        self._holds: dict[str, _Hold] = {}
        self._keys: dict[str, tuple[FakeUser, tuple[str, ...] | None]] = {}
        self._answered: dict[str, tuple[str, httpx2.Response]] = {}
        self._ahead = timedelta()
        self._signer = Ed25519PrivateKey.generate()

    # --- what a test arranges -----------------------------------------------------------------

    def add_plan(self, slug: str, limit: int | None, **costs: int) -> FakePlan:
        """A plan with ``limit`` units a month; ``costs`` by resource type, 1 for others."""
        self.plans[slug] = FakePlan(slug, limit, {"*": 1, **costs})
        return self.plans[slug]

    def add_user(
        self, email: str, *, plan: str | None = None, permissions: tuple[str, ...] = ()
    ) -> FakeUser:
        """Somebody who is signed in, with a key, and with ``plan`` if it is named."""
        user = FakeUser(email, permissions)
        user.plan = self.plans[plan] if plan else None
        user.token, user.key = self.token_for(user), self.key_for(user)
        self.users.append(user)
        return user

    def token_for(self, user: FakeUser, *, seconds: int = 900, **claims: Any) -> str:
        """An access token that ends in ``seconds``."""
        now = datetime.now(UTC)
        told = {
            "sub": user.id,
            "iss": self.url,
            "aud": AUDIENCE,
            "type": "access",
            "iat": now,
            "exp": now + timedelta(seconds=seconds),
            **claims,
        }
        headers = {"kid": _KEY_ID, "typ": "at+jwt"}
        return jwt.encode(told, self._signer, algorithm="EdDSA", headers=headers)

    def key_for(self, user: FakeUser, *, scopes: tuple[str, ...] | None = None) -> str:
        """A further key, limited to ``scopes`` if they are named."""
        key = "sk_" + "test_" + uuid4().hex
        self._keys[key] = (user, scopes)
        return key

    def revoke(self, key: str) -> None:
        """Ends a key."""
        del self._keys[key]

    def advance(self, seconds: float) -> None:
        """Lets holds end as if so much time had passed."""
        self._ahead += timedelta(seconds=seconds)

    def meter(self, user: FakeUser) -> tuple[int, int]:
        """Units used, and units reserved."""
        return user.used, self._reserved(user)

    @property
    def transport(self) -> httpx2.MockTransport:
        """For ``Client(transport=…)``, ``AsyncClient`` and ``Tollgate``."""
        return httpx2.MockTransport(self.handle)

    def client(self, credential: str | None = None) -> Client:
        """A client, as the application (its service key) or with another credential."""
        key = credential or self.service_key
        return Client(self.url, api_key=key, transport=self.transport)

    def async_client(self, credential: str | None = None) -> AsyncClient:
        """The same to be awaited."""
        key = credential or self.service_key
        return AsyncClient(self.url, api_key=key, transport=self.transport)

    def gate(self, **settings: Any) -> Tollgate:
        """A gate to this service; ``settings`` as for :class:`tollgate.fastapi.Tollgate`."""
        from .fastapi import Tollgate  # noqa: PLC0415 - FastAPI need not be installed

        return Tollgate(self.url, self.service_key, transport=self.transport, **settings)

    # --- what it answers ----------------------------------------------------------------------

    def handle(self, request: httpx2.Request) -> httpx2.Response:
        """One call."""
        self.calls.append((request.method, request.url.path))
        if self.down:
            raise httpx2.ConnectError("the stand-in is down", request=request)
        routes: dict[str, Callable[[httpx2.Request, dict[str, Any]], Any]] = {
            "GET /.well-known/oauth-authorization-server": self._metadata,
            "GET /auth/.well-known/jwks.json": self._jwks,
            "GET /auth/verify": self._verify,
            "GET /auth/me": self._me,
            "GET /payments/plans": self._plans,
            "GET /payments/subscriptions/current": self._current,
            "GET /quota/check": self._check,
            "POST /quota/consume": self._consume,
            "POST /quota/reserve": self._reserve,
            "POST /quota/commit": self._commit,
            "POST /quota/release": self._release,
            "POST /quota/extend": self._extend,
            "POST /quota/refund": self._refund,
            "GET /usage/logs": self._logs,
        }
        route = routes.get(f"{request.method} {request.url.path}")
        try:
            asked = _asked(request)
            if route is None:
                raise _RefusalError("not_found")
            return self._once(request, lambda: _success(route(request, asked)))
        except _RefusalError as refused:
            return _refused(request, refused)

    def _once(
        self, request: httpx2.Request, answer: Callable[[], httpx2.Response]
    ) -> httpx2.Response:
        key = request.headers.get("idempotency-key")
        if key is None or request.method != "POST":
            return answer()
        name = f"{request.headers.get('authorization')} {request.url.path} {key}"
        body = request.content.decode()
        if name in self._answered:
            before, first = self._answered[name]
            if before != body:
                raise _RefusalError("idempotency_key_reused")
            replayed = {**first.headers, "idempotent-replayed": "true"}
            return httpx2.Response(first.status_code, headers=replayed, content=first.content)
        response = answer()
        self._answered[name] = (body, response)
        return response

    def _metadata(self, _request: httpx2.Request, _asked: dict[str, Any]) -> Any:
        return {"issuer": self.url}

    def _jwks(self, _request: httpx2.Request, _asked: dict[str, Any]) -> Any:
        public = self._signer.public_key().public_bytes_raw()
        x = base64.urlsafe_b64encode(public).rstrip(b"=").decode()
        key = {"kty": "OKP", "crv": "Ed25519", "kid": _KEY_ID, "alg": "EdDSA", "use": "sig"}
        return {"keys": [{**key, "x": x}]}

    def _verify(self, request: httpx2.Request, asked: dict[str, Any]) -> Any:
        user, scopes, is_key = self._person(request)
        if asked.get("plan") is not None:
            self._entitled(user)
            plans = str(asked["plan"]).split(",")
            if user.plan is None or user.plan.slug not in plans:
                raise _RefusalError("plan_required", plans=plans, upgrade_url=self._upgrade())
        permissions = () if is_key else user.permissions
        wanted = asked.get("permission")
        if wanted is not None and wanted not in permissions:
            raise _RefusalError("permission_denied", permission=wanted)
        if asked.get("resource_type") is not None:
            self._fits(user, str(asked["resource_type"]), int(asked.get("cost", 1)))
        return {
            "valid": True,
            "subject_type": "api_key" if is_key else "user",
            "user": self._user(user),
            "permissions": list(permissions),
            "scopes": None if scopes is None else list(scopes),
            "plan": user.plan.slug if user.plan else None,
            "subscription": self._subscription(user) if user.plan else None,
            "quota": self._quota(user) if user.plan else None,
        }

    def _me(self, request: httpx2.Request, _asked: dict[str, Any]) -> Any:
        return self._user(self._person(request)[0])

    def _plans(self, _request: httpx2.Request, _asked: dict[str, Any]) -> Any:
        return {"data": [_plan(p) for p in self.plans.values()], "has_more": False}

    def _current(self, request: httpx2.Request, _asked: dict[str, Any]) -> Any:
        user = self._person(request)[0]
        if user.plan is None:
            raise _RefusalError("no_subscription")
        return self._subscription(user)

    def _check(self, request: httpx2.Request, asked: dict[str, Any]) -> Any:
        user = self._named(request, asked)
        try:
            units = self._fits(user, _resource(asked), _cost(asked))
        except _RefusalError as refused:
            if refused.code == "validation_failed":
                raise
            quota = self._quota(user) if user.plan else None
            return {"allowed": False, "code": refused.code, "cost": None, "quota": quota}
        return {"allowed": True, "code": None, "cost": units, "quota": self._quota(user)}

    def _consume(self, request: httpx2.Request, asked: dict[str, Any]) -> Any:
        user = self._named(request, asked)
        units = self._fits(user, _resource(asked), _cost(asked))
        usage_id = self._charge(user, _resource(asked), units, asked)
        return {"usage_id": usage_id, "quota": self._quota(user)}

    def _reserve(self, request: httpx2.Request, asked: dict[str, Any]) -> Any:
        self._service(request)
        user, cost = self._named(request, asked), _cost(asked)
        units = self._fits(user, _resource(asked), cost)
        ends = self._now() + timedelta(seconds=int(asked.get("ttl_seconds", 600)))
        hold = _Hold(user, _resource(asked), cost, units, ends)
        self._holds[hold.id] = hold
        return 201, {
            "reservation_id": hold.id,
            "units": units,
            "expires_at": _time(ends),
            "quota": self._quota(user),
        }

    def _commit(self, request: httpx2.Request, asked: dict[str, Any]) -> Any:
        hold, cost = self._hold(request, asked), asked.get("cost")
        if hold.settled is not None:
            how, of, answer = hold.settled
            if (how, of) != ("commit", cost):
                raise _RefusalError("reservation_settled")
            return answer
        if hold.ends <= self._now():
            raise _RefusalError("reservation_settled")
        if cost is not None and not 1 <= int(cost) <= hold.cost:
            raise _invalid("/cost", "above_reservation")
        units = hold.units if cost is None else hold.units // hold.cost * int(cost)
        hold.settled = ("commit", cost, {})
        usage_id = self._charge(hold.user, hold.resource_type, units, {})
        answer = {
            "reservation_id": hold.id,
            "usage_id": usage_id,
            "charged": units,
            "quota": self._quota(hold.user),
        }
        hold.settled = ("commit", cost, answer)
        return answer

    def _release(self, request: httpx2.Request, asked: dict[str, Any]) -> Any:
        hold = self._hold(request, asked)
        if hold.settled is not None and hold.settled[0] != "release":
            raise _RefusalError("reservation_settled")
        hold.settled = ("release", None, {})
        return {
            "reservation_id": hold.id,
            "usage_id": None,
            "charged": 0,
            "quota": self._quota(hold.user),
        }

    def _extend(self, request: httpx2.Request, asked: dict[str, Any]) -> Any:
        hold = self._hold(request, asked)
        if hold.settled is not None or hold.ends <= self._now():
            raise _RefusalError("reservation_settled")
        hold.ends = self._now() + timedelta(seconds=int(asked.get("ttl_seconds", 600)))
        return {
            "reservation_id": hold.id,
            "units": hold.units,
            "expires_at": _time(hold.ends),
            "quota": self._quota(hold.user),
        }

    def _refund(self, request: httpx2.Request, asked: dict[str, Any]) -> Any:
        self._service(request)
        wanted = asked.get("usage_id")
        for user in self.users:
            for row in user.log:
                if row["id"] != wanted:
                    continue
                back = next((r for r in user.log if r["refund_of"] == wanted), None)
                if back is None:
                    user.used -= row["quota_cost"]
                    back = _row(user, row["resource_type"], -row["quota_cost"], refund_of=wanted)
                    user.log.append(back)
                return {
                    "usage_id": wanted,
                    "refund_usage_id": back["id"],
                    "units": row["quota_cost"],
                    "quota": self._quota(user),
                }
        raise _RefusalError("not_found")

    def _logs(self, request: httpx2.Request, _asked: dict[str, Any]) -> Any:
        user = self._person(request)[0]
        return {"data": user.log[::-1], "has_more": False}

    # --- who asks -----------------------------------------------------------------------------

    def _person(self, request: httpx2.Request) -> tuple[FakeUser, tuple[str, ...] | None, bool]:
        shown = request.headers.get("authorization", "").removeprefix("Bearer ")
        key = request.headers.get("x-api-key")
        if shown and key and shown != key:
            raise _RefusalError("two_credentials")
        shown = shown or key or ""
        if shown == self.service_key:
            raise _RefusalError("permission_denied")
        if shown in self._keys:
            return (*self._keys[shown], True)
        if shown.startswith("sk_"):
            raise _RefusalError("api_key_invalid")
        try:
            claims = jwt.decode(
                shown, self._signer.public_key(), algorithms=["EdDSA"], audience=AUDIENCE
            )
        except jwt.ExpiredSignatureError:
            raise _RefusalError("token_expired") from None
        except jwt.InvalidTokenError:
            raise _RefusalError("unauthenticated") from None
        return self._by_id(claims["sub"]), None, False

    def _named(self, request: httpx2.Request, asked: dict[str, Any]) -> FakeUser:
        shown = request.headers.get("authorization", "").removeprefix("Bearer ")
        if shown != self.service_key:
            user, scopes, _ = self._person(request)
            if scopes is not None and "quota" not in scopes:
                raise _RefusalError("permission_denied", permission="quota")
            return user
        if asked.get("user_id") is None:
            raise _invalid("/user_id", "required")
        try:
            return self._by_id(asked["user_id"])
        except _RefusalError:
            # Nobody of that name has a plan, which is all the service says.
            return FakeUser("nobody@example.invalid")

    def _service(self, request: httpx2.Request) -> None:
        if request.headers.get("authorization") != f"Bearer {self.service_key}":
            self._person(request)
            raise _RefusalError("permission_denied")

    def _by_id(self, user_id: object) -> FakeUser:
        for user in self.users:
            if user.id == user_id:
                return user
        raise _RefusalError("unauthenticated")

    def _hold(self, request: httpx2.Request, asked: dict[str, Any]) -> _Hold:
        self._service(request)
        hold = self._holds.get(str(asked.get("reservation_id")))
        if hold is None:
            raise _RefusalError("not_found")
        return hold

    # --- units --------------------------------------------------------------------------------

    def _entitled(self, user: FakeUser) -> FakePlan:
        if user.plan is None:
            raise _RefusalError("subscription_required", upgrade_url=self._upgrade())
        return user.plan

    def _fits(self, user: FakeUser, resource_type: str, cost: int) -> int:
        plan = self._entitled(user)
        price = plan.costs.get(resource_type, plan.costs.get("*"))
        if price is None:
            raise _invalid("/resource_type", "unknown")
        units = cost * price
        if plan.limit is not None and user.used + self._reserved(user) + units > plan.limit:
            raise _RefusalError(
                "quota_exceeded", quota=self._quota(user), upgrade_url=self._upgrade()
            )
        return units

    def _charge(
        self, user: FakeUser, resource_type: str, units: int, asked: Mapping[str, Any]
    ) -> str:
        user.used += units
        user.log.append(_row(user, resource_type, units, resource_id=asked.get("resource_id")))
        return str(user.log[-1]["id"])

    def _reserved(self, user: FakeUser) -> int:
        now = self._now()
        return sum(
            hold.units
            for hold in self._holds.values()
            if hold.user is user and hold.settled is None and hold.ends > now
        )

    def _now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def _upgrade(self) -> str:
        return f"{self.url}/payments/plans"

    def _quota(self, user: FakeUser) -> dict[str, Any]:
        limit, reserved = (user.plan.limit if user.plan else 0), self._reserved(user)
        return {
            "quota_type": "processing_count",
            "limit": limit,
            "used": user.used,
            "reserved": reserved,
            "remaining": None if limit is None else limit - user.used - reserved,
            "period_start": _time(user.began),
            "resets_at": _time(user.began + timedelta(days=30)),
        }

    def _user(self, user: FakeUser) -> dict[str, Any]:
        return {
            "id": user.id,
            "email": user.email,
            "username": user.email.partition("@")[0],
            "is_active": True,
            "is_superuser": "admin" in user.permissions,
            "permissions": list(user.permissions),
            "email_verified": True,
            "locale": "zh",
        }

    def _subscription(self, user: FakeUser) -> dict[str, Any]:
        plan = self._entitled(user)
        quota = self._quota(user)
        return {
            "id": user.id,
            "user_id": user.id,
            "plan_id": plan.id,
            "plan": _plan(plan),
            "status": "active",
            "is_entitled": True,
            "current_period_start": _time(user.began),
            "quota_used": user.used,
            "quota_limit": plan.limit,
            "quota_remaining": quota["remaining"],
            "resets_at": quota["resets_at"],
        }


def _plan(plan: FakePlan) -> dict[str, Any]:
    return {
        "id": plan.id,
        "slug": plan.slug,
        "name": plan.slug,
        "price": "0.00",
        "price_minor": 0,
        "currency": "CNY",
        "billing_cycle": "monthly",
        "quota_type": "processing_count",
        "quota_limit": plan.limit,
        "resource_costs": plan.costs,
    }


def _row(user: FakeUser, resource_type: str, units: int, **members: Any) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "user_id": user.id,
        "subscription_id": user.id,
        "resource_type": resource_type,
        "quota_cost": units,
        "created_at": _time(datetime.now(UTC)),
        "refund_of": None,
        **members,
    }


def _asked(request: httpx2.Request) -> dict[str, Any]:
    if request.method == "GET":
        return {k: v[-1] for k, v in parse_qs(request.url.query.decode(), True).items()}
    body = json.loads(request.content or b"{}")
    return body if isinstance(body, dict) else {}


def _resource(asked: dict[str, Any]) -> str:
    if not asked.get("resource_type"):
        raise _invalid("/resource_type", "required")
    return str(asked["resource_type"])


def _cost(asked: dict[str, Any]) -> int:
    cost = int(asked.get("cost", 1))
    if cost < 1:
        raise _invalid("/cost", "invalid_cost")
    return cost


def _invalid(pointer: str, code: str) -> _RefusalError:
    return _RefusalError("validation_failed", errors=[{"field": pointer, "code": code}])


def _success(answer: Any) -> httpx2.Response:
    status, body = answer if isinstance(answer, tuple) else (200, answer)
    return httpx2.Response(status, json=body, headers={"x-request-id": str(uuid4())})


def _refused(request: httpx2.Request, refused: _RefusalError) -> httpx2.Response:
    status = _STATUS.get(refused.code, 422)
    request_id = str(uuid4())
    body = {
        "type": f"urn:tollgate:problem:{refused.code}",
        "title": refused.code,
        "detail": refused.code,
        "status": status,
        "code": refused.code,
        "instance": request.url.path,
        "request_id": request_id,
        **refused.members,
    }
    headers = {"content-type": "application/problem+json", "x-request-id": request_id}
    if refused.code == "quota_exceeded":
        resets = datetime.fromisoformat(refused.members["quota"]["resets_at"])
        left = (resets - datetime.now(UTC)).total_seconds()
        headers["retry-after"] = str(max(1, math.ceil(left)))
    return httpx2.Response(status, headers=headers, content=json.dumps(body).encode())


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
