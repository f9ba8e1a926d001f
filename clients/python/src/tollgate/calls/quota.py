"""Units of quota: ``/quota``. ``user_id`` takes a service key; nobody else may name anybody."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ..call import Call, fields, one, query
from ..models import Check, Reservation, Settled, UnitsRefunded, Usage


def check(resource_type: str, cost: int = 1, *, user_id: str | UUID | None = None) -> Call[Check]:
    """What ``cost`` calls would be answered. Takes nothing, and is an answer either way."""
    asked = query(resource_type=resource_type, cost=cost, user_id=user_id)
    return Call("GET", "/quota/check", one(Check), query=asked)


def consume(
    resource_type: str,
    cost: int = 1,
    *,
    user_id: str | UUID | None = None,
    resource_id: str | None = None,
    metadata: dict[str, Any] | None = None,
    idempotency_key: str | None = None,
) -> Call[Usage]:
    """Charges ``cost`` calls (times the plan's price, in units), in one step with the look.

    Raises ``QuotaExceeded``, ``SubscriptionRequired``, ``ValidationFailed`` (a resource type the
    plan does not sell).
    """
    body = fields(
        resource_type=resource_type,
        cost=cost,
        user_id=user_id,
        resource_id=resource_id,
        metadata=metadata,
    )
    return Call("POST", "/quota/consume", one(Usage), body=body, idempotency_key=idempotency_key)


def consume_quota(user_id: str | UUID, resource_type: str, cost: int = 1) -> Call[Usage]:
    """Charges ``cost`` calls to ``user_id``: :func:`consume` as the design spells it."""
    return consume(resource_type, cost, user_id=user_id)


def reserve(
    resource_type: str,
    cost: int = 1,
    *,
    user_id: str | UUID | None = None,
    ttl_seconds: int | None = None,
    resource_id: str | None = None,
    metadata: dict[str, Any] | None = None,
    idempotency_key: str | None = None,
) -> Call[Reservation]:
    """Sets units aside for ``ttl_seconds`` (1 to 86400); takes a service key. Raises as consume."""
    body = fields(
        resource_type=resource_type,
        cost=cost,
        user_id=user_id,
        ttl_seconds=ttl_seconds,
        resource_id=resource_id,
        metadata=metadata,
    )
    path = "/quota/reserve"
    return Call("POST", path, one(Reservation), body=body, idempotency_key=idempotency_key)


def commit(reservation_id: str, *, cost: int | None = None) -> Call[Settled]:
    """Charges a hold, all or ``cost`` calls of it, and gives the others back.

    Raises ``ReservationSettled``, ``NotFound``, ``ValidationFailed`` (more than was set aside).
    """
    body = fields(reservation_id=reservation_id, cost=cost)
    return Call("POST", "/quota/commit", one(Settled), body=body)


def release(reservation_id: str) -> Call[Settled]:
    """Gives a hold back. Raises ``ReservationSettled`` when it was charged, ``NotFound``."""
    body = {"reservation_id": reservation_id}
    return Call("POST", "/quota/release", one(Settled), body=body)


def extend(reservation_id: str, ttl_seconds: int) -> Call[Reservation]:
    """Moves the end of a hold to ``ttl_seconds`` from now. Raises ``ReservationSettled``."""
    body = {"reservation_id": reservation_id, "ttl_seconds": ttl_seconds}
    return Call("POST", "/quota/extend", one(Reservation), body=body)


def refund(
    usage_id: str, *, reason: str, idempotency_key: str | None = None
) -> Call[UnitsRefunded]:
    """Gives a charge back, once; the log keeps both rows. Raises ``NotFound``."""
    body = {"usage_id": usage_id, "reason": reason}
    path = "/quota/refund"
    return Call("POST", path, one(UnitsRefunded), body=body, idempotency_key=idempotency_key)
