"""What the service answers, as frozen values.

Fields that this version does not know are ignored. Closed sets (``status``, ``kind``, …) are plain
text, so that a value the service learns later is no error here. Ids are UUID text, times are aware
``datetime`` in UTC, money comes as ``Decimal`` and in minor units, quota in units.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar

from .errors import UnexpectedAnswer

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class User:
    """A person. ``permissions`` holds what their roles come to, such as ``"admin"``."""

    id: str
    email: str
    username: str
    is_active: bool = True
    is_superuser: bool = False
    permissions: tuple[str, ...] = ()
    email_verified: bool = False
    locale: str = "zh"
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Quota:
    """How a meter stands, in units. ``limit`` and ``remaining`` are ``None`` when unlimited."""

    quota_type: str
    limit: int | None = None
    used: int = 0
    reserved: int = 0
    remaining: int | None = None
    period_start: datetime | None = None
    resets_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Meter:
    """A meter of a plan: its limit in units (``None`` is unlimited) and when it begins anew.

    ``name`` is what a buyer reads behind a number of units, in the language of the house.
    """

    meter: str
    limit: int | None = None
    reset: str = "month"
    name: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is for sale. ``slug`` is what code names; ``price`` is in ``currency``."""

    id: str
    slug: str
    name: str
    price: Decimal
    price_minor: int
    currency: str
    billing_cycle: str
    quota_type: str = ""
    quota_limit: int | None = None
    description: str = ""
    features: tuple[str, ...] = ()
    meters: tuple[Meter, ...] = ()
    resource_costs: dict[str, Any] = field(default_factory=dict)
    i18n: dict[str, Any] = field(default_factory=dict)
    trial_days: int = 0
    is_default: bool = False
    is_active: bool = True
    sort_order: int = 0
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Subscription:
    """What somebody has. It gives a right as long as ``is_entitled``."""

    id: str
    user_id: str
    plan_id: str
    plan: Plan
    status: str
    is_entitled: bool
    current_period_start: datetime
    current_period_end: datetime | None = None
    quota_used: int = 0
    quota_limit: int | None = None
    quota_remaining: int | None = None
    resets_at: datetime | None = None
    entitled_until: datetime | None = None
    cancel_at_period_end: bool = False
    auto_renew: bool = False
    renewal: str = "manual"
    state: str = ""
    next_plan_id: str | None = None
    changes_at: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verification:
    """Whose credential it is, and what they may use: the answer of ``GET /auth/verify``.

    ``plan`` is a slug. ``scopes`` is ``None`` for a credential without limits.
    """

    valid: bool
    subject_type: str
    user: User
    permissions: tuple[str, ...] = ()
    scopes: tuple[str, ...] | None = None
    api_key_id: str | None = None
    plan: str | None = None
    subscription: Subscription | None = None
    quota: Quota | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Tokens:
    """A sign-in. The access token lives ``expires_in`` seconds."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    token_type: str
    expires_in: int
    user: User


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key. ``key`` is its text, shown once when it is made; ``None`` ever after."""

    id: str
    name: str
    key_prefix: str
    is_active: bool = True
    scopes: tuple[str, ...] = ()
    allowed_addresses: tuple[str, ...] = ()
    rate_limit_per_minute: int | None = None
    rotated_from: str | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Introspection:
    """RFC 7662: of a credential that is good for nothing, ``active`` is all there is."""

    active: bool
    type: str | None = None
    sub: str | None = None
    username: str | None = None
    scope: str | None = None
    iss: str | None = None
    iat: int | None = None
    exp: int | None = None
    sid: str | None = None
    api_key_id: str | None = None
    livemode: bool | None = None


@dataclass(frozen=True, slots=True)
class Transaction:
    """A payment. ``amount`` is in ``currency``; ``status`` is pending, completed, failed, …"""

    id: str
    order_no: str
    amount: Decimal
    amount_minor: int
    currency: str
    payment_method: str
    status: str
    purpose: str = ""
    user_id: str = ""
    plan_id: str | None = None
    subscription_id: str | None = None
    payment_provider_id: str | None = None
    failure_code: str | None = None
    refunded_amount: Decimal = Decimal(0)
    refunded_amount_minor: int = 0
    metadata: dict[str, Any] = field(default_factory=dict)
    livemode: bool = True
    created_at: datetime | None = None
    expires_at: datetime | None = None
    paid_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NextStep:
    """What the buyer does next, by ``kind``: scan ``qr_content``, go to ``url``, nothing, …"""

    kind: str
    qr_content: str | None = None
    qr_svg_url: str | None = None
    url: str | None = None
    order_string: str | None = None
    params: dict[str, Any] | None = None
    checkout_url: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Checkout:
    """A purchase begun. ``subscription`` stays ``None`` until the money is verified."""

    payment: NextStep
    transaction: Transaction | None = None
    subscription: Subscription | None = None


@dataclass(frozen=True, slots=True)
class Quote:
    """What having a plan takes now: ``amount`` after ``credit``, both in ``currency``."""

    kind: str
    plan: Plan
    amount: Decimal
    amount_minor: int
    credit: Decimal
    credit_minor: int
    currency: str
    terms: int = 1
    from_plan: str | None = None
    effective_at: datetime | None = None
    period_start: datetime | None = None
    period_end: datetime | None = None
    credit_of: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Refund:
    """Money that goes back: ``status`` is pending, succeeded or failed."""

    id: str
    amount: Decimal
    amount_minor: int
    currency: str
    status: str
    reason: str = ""
    transaction_id: str | None = None
    origin: str = ""
    failure_code: str | None = None
    suspense_id: str | None = None
    created_at: datetime | None = None
    settled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SubscriptionChange:
    """One change in the life of a subscription; ``kind`` is activated, renewed, cancelled, …"""

    id: str
    subscription_id: str
    kind: str
    created_at: datetime
    from_plan_id: str | None = None
    to_plan_id: str | None = None
    transaction_id: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Check:
    """What a call would be answered; nothing is taken. ``cost`` is in units."""

    allowed: bool
    code: str | None = None
    cost: int | None = None
    quota: Quota | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """A charge. ``usage_id`` gives it back: ``quota.refund``."""

    usage_id: str
    quota: Quota


@dataclass(frozen=True, slots=True)
class Reservation:
    """Units set aside until ``expires_at``; unsettled they come back by themselves."""

    reservation_id: str
    units: int
    expires_at: datetime
    quota: Quota


@dataclass(frozen=True, slots=True)
class Settled:
    """A hold that has ended: ``charged`` units, 0 when it was given back."""

    reservation_id: str
    charged: int
    quota: Quota
    usage_id: str | None = None


@dataclass(frozen=True, slots=True)
class UnitsRefunded:
    """Units of a charge that were given back."""

    usage_id: str
    refund_usage_id: str
    units: int
    quota: Quota


@dataclass(frozen=True, slots=True)
class UsageLog:
    """A row of the log; ``quota_cost`` is below zero where units were given back."""

    id: str
    user_id: str
    subscription_id: str
    resource_type: str
    quota_cost: int
    created_at: datetime
    meter: str = ""
    requested_cost: int = 0
    resource_id: str | None = None
    api_key_id: str | None = None
    reservation_id: str | None = None
    refund_of: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Period:
    """A period of quota."""

    start: datetime
    end: datetime
    resets_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ResourceUsage:
    """Units and calls of one resource type in the open period."""

    resource_type: str
    quota_cost: int
    count: int


@dataclass(frozen=True, slots=True)
class UsageSummary:
    """The open period: each meter, what was charged by resource type, today and last 7 days."""

    period: Period
    quota: Quota
    meters: tuple[Quota, ...] = ()
    by_resource: tuple[ResourceUsage, ...] = ()
    today: int = 0
    last_7d: int = 0


@dataclass(frozen=True, slots=True)
class Point:
    """An hour, a day or a month that begins at ``t``."""

    t: datetime
    quota_cost: int
    count: int


@dataclass(frozen=True, slots=True)
class Series:
    """One line."""

    key: str
    points: tuple[Point, ...] = ()


@dataclass(frozen=True, slots=True)
class Timeseries:
    """Lines over time, with a point also where nothing was used."""

    interval: str
    tz: str
    series: tuple[Series, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One step that leads to the number: adds ``units`` (below zero: takes)."""

    kind: str
    at: datetime
    units: int | None = None
    balance: int | None = None
    text: dict[str, str] = field(default_factory=dict)
    count: int | None = None
    resource_type: str | None = None
    usage_id: str | None = None
    reservation_id: str | None = None
    refund_of: str | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """How ``quota`` came about: the units of all ``steps`` add up to what remains."""

    user_id: str
    at: datetime
    quota: Quota
    steps: tuple[Step, ...] = ()
    rules: dict[str, Any] = field(default_factory=dict)
    agrees: bool = True


@dataclass(frozen=True, slots=True)
class Event:
    """An event that was sent to this application; ``id`` is the same at every try."""

    id: str
    type: str
    timestamp: datetime
    data: dict[str, Any] = field(default_factory=dict)


def read(kind: type[T], answer: object) -> T:
    """A value of ``kind`` out of JSON; what it does not know is left out.

    Raises :class:`UnexpectedAnswer` when something that cannot be missing is missing.
    """
    if not isinstance(answer, Mapping):
        raise UnexpectedAnswer(f"{kind.__name__} should be an object")
    values = {
        name: convert(answer[name])
        for name, convert in _fields(typing.cast("Any", kind)).items()
        if answer.get(name) is not None
    }
    try:
        return kind(**values)
    except TypeError as error:
        raise UnexpectedAnswer(f"{kind.__name__}: {error}") from error


@cache
def _fields(kind: type[Any]) -> dict[str, Callable[[Any], Any]]:
    hints = typing.get_type_hints(kind)
    return {f.name: _converter(hints[f.name], f.name) for f in dataclasses.fields(kind)}


def _converter(hint: Any, name: str) -> Callable[[Any], Any]:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return _converter(next(a for a in arguments if a is not type(None)), name)
    if origin is tuple:
        inner = _converter(arguments[0], name)
        return lambda items: tuple(inner(item) for item in _expect(list, items, name))
    if origin is dict:
        return lambda value: dict(_expect(dict, value, name))
    if dataclasses.is_dataclass(hint):
        nested = typing.cast("type[Any]", hint)
        return lambda value: read(nested, value)
    if hint is datetime:
        return lambda value: _moment(_expect(str, value, name), name)
    if hint is Decimal:
        return lambda value: _decimal(value, name)
    return lambda value: _expect(hint, value, name)


def _expect(kind: Any, value: Any, name: str) -> Any:
    if kind is Any or (isinstance(value, kind) and not (kind is int and value is True)):
        return value
    raise UnexpectedAnswer(f"{name} should be {kind.__name__}")


def _moment(text: str, name: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise UnexpectedAnswer(f"{name} should be a time") from error


def _decimal(value: object, name: str) -> Decimal:
    try:
        return Decimal(str(value))
    except ArithmeticError as error:
        raise UnexpectedAnswer(f"{name} should be an amount") from error
