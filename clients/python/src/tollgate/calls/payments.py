"""Plans, subscriptions and payments: ``/payments``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from ..call import Call, Page, fields, one, page_of, query
from ..models import (
    Checkout,
    Plan,
    Quote,
    Refund,
    Subscription,
    SubscriptionChange,
    Transaction,
)

#: The service holds a status call open for at most so long, in seconds.
LONGEST_POLL = 25


def plans() -> Call[Page[Plan]]:
    """What is on sale."""
    return Call("GET", "/payments/plans", page_of(Plan), public=True)


def plan(plan: str) -> Call[Plan]:
    """One plan, by id or slug. Raises ``NotFound``."""
    return Call("GET", f"/payments/plans/{plan}", one(Plan), public=True)


def quote(plan: str) -> Call[Quote]:
    """What having ``plan`` (a slug) takes now: price, credit for what is left, period."""
    return Call("POST", "/payments/quote", one(Quote), body={"plan_slug": plan})


def subscribe(
    plan: str,
    *,
    payment_method: str | None = None,
    client: str | None = None,
    return_url: str | None = None,
    trial: bool | None = None,
    amount: Decimal | str | None = None,
    openid: str | None = None,
    idempotency_key: str | None = None,
) -> Call[Checkout]:
    """Orders ``plan`` (a slug). ``payment_method`` is alipay, wechat or stripe; ``client`` pc,
    page, h5, app or jsapi. A free plan is had at once; for another, ``payment`` says what the
    buyer does next, and the subscription begins with verified money.

    Raises ``NotFound``, ``ValidationFailed`` (``method_unavailable``, ``amount_mismatch``, …),
    ``ProviderError``, ``Unavailable`` (``payments_not_configured``).
    """
    body = fields(
        plan_slug=plan,
        payment_method=payment_method,
        client=client,
        return_url=return_url,
        trial=trial,
        amount=amount,
        openid=openid,
    )
    path = "/payments/subscriptions/subscribe"
    return Call("POST", path, one(Checkout), body=body, idempotency_key=idempotency_key)


def create(
    amount: Decimal | str,
    currency: str,
    payment_method: str,
    description: str,
    *,
    metadata: dict[str, Any] | None = None,
    client: str | None = None,
    return_url: str | None = None,
    idempotency_key: str | None = None,
) -> Call[Checkout]:
    """Begins a payment of your own, without a plan. ``amount`` has the currency's exact scale."""
    body = fields(
        amount=amount,
        currency=currency,
        payment_method=payment_method,
        description=description,
        metadata=metadata,
        client=client,
        return_url=return_url,
    )
    path = "/payments/create"
    return Call("POST", path, one(Checkout), body=body, idempotency_key=idempotency_key)


def current() -> Call[Subscription]:
    """The subscription in force. Raises ``NoSubscription``."""
    return Call("GET", "/payments/subscriptions/current", one(Subscription))


def cancel(*, reason: str | None = None) -> Call[Subscription]:
    """Lets the subscription end with what is paid. Raises ``NoSubscription``."""
    path = "/payments/subscriptions/cancel"
    return Call("POST", path, one(Subscription), body=fields(reason=reason))


def resume() -> Call[Subscription]:
    """Takes a cancellation back before the end. Raises ``NoSubscription``."""
    return Call("POST", "/payments/subscriptions/resume", one(Subscription), body={})


def renew(
    payment_method: str,
    *,
    client: str | None = None,
    return_url: str | None = None,
    openid: str | None = None,
    idempotency_key: str | None = None,
) -> Call[Checkout]:
    """Orders a further term, behind all that is paid. Raises ``NoSubscription``."""
    body = fields(
        payment_method=payment_method, client=client, return_url=return_url, openid=openid
    )
    path = "/payments/subscriptions/renew"
    return Call("POST", path, one(Checkout), body=body, idempotency_key=idempotency_key)


def history(*, limit: int = 100) -> Call[Page[SubscriptionChange]]:
    """What has happened to one's subscriptions, newest first."""
    path = "/payments/subscriptions/history"
    return Call("GET", path, page_of(SubscriptionChange), query=query(limit=limit))


def status(transaction_id: str, *, wait: int | None = None) -> Call[Transaction]:
    """How a payment stands. With ``wait`` (seconds, at most 25) it answers when that changes."""
    return Call(
        "GET",
        f"/payments/status/{transaction_id}",
        one(Transaction),
        query=query(wait=wait),
        patience=float(min(wait or 0, LONGEST_POLL)),
    )


def transactions(
    *,
    status: str | Sequence[str] | None = None,
    payment_method: str | Sequence[str] | None = None,
    from_: datetime | None = None,
    to: datetime | None = None,
    mine: bool | None = None,
    limit: int = 100,
) -> Call[Page[Transaction]]:
    """One's own payments, newest first; with the permission ``finance`` everybody's."""
    asked = query(
        status=status, payment_method=payment_method, from_=from_, to=to, mine=mine, limit=limit
    )
    return Call("GET", "/payments/transactions", page_of(Transaction), query=asked)


def transaction(transaction_id: str) -> Call[Transaction]:
    """One payment. Raises ``NotFound``, also for somebody else's."""
    return Call("GET", f"/payments/transactions/{transaction_id}", one(Transaction))


def refund(
    transaction_id: str,
    *,
    reason: str,
    amount: Decimal | str | None = None,
    amount_minor: int | None = None,
    end_subscription: bool | None = None,
    idempotency_key: str | None = None,
) -> Call[Refund]:
    """Sends money of a paid order back: ``amount``, or all that is left. Takes ``finance``.

    Raises ``ValidationFailed`` (``refund_exceeds_payment``), ``Conflict``
    (``refund_in_progress``), ``ProviderError``, ``PermissionDenied``.
    """
    body = fields(
        reason=reason,
        amount=amount,
        amount_minor=amount_minor,
        end_subscription=end_subscription,
    )
    path = f"/payments/refund/{transaction_id}"
    return Call("POST", path, one(Refund), body=body, idempotency_key=idempotency_key)
