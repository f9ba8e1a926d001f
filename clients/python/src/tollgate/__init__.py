"""Tollgate for Python: accounts, plans, payments and quotas of another program in yours.

``Client`` and ``AsyncClient`` call the service; :mod:`tollgate.fastapi` and :mod:`tollgate.flask`
guard routes; :mod:`tollgate.webhooks` verifies events; :mod:`tollgate.testing` is an in-memory
stand-in for tests. ``AuthService`` and ``PaymentService`` are the design's own entry points.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import webhooks
from .client import AsyncClient, Client
from .errors import (
    BadRequest,
    Conflict,
    InternalError,
    NoSubscription,
    NotFound,
    PermissionDenied,
    PlanRequired,
    ProviderError,
    QuotaExceeded,
    RateLimited,
    ReservationSettled,
    SignatureInvalid,
    SubscriptionRequired,
    TollgateError,
    Unauthenticated,
    Unavailable,
    UnexpectedAnswer,
    ValidationFailed,
)
from .models import User
from .version import __version__

if TYPE_CHECKING:
    from .services import AuthService, PaymentService

__all__ = [
    "AsyncClient",
    "AuthService",
    "BadRequest",
    "Client",
    "Conflict",
    "InternalError",
    "NoSubscription",
    "NotFound",
    "PaymentService",
    "PermissionDenied",
    "PlanRequired",
    "ProviderError",
    "QuotaExceeded",
    "RateLimited",
    "ReservationSettled",
    "SignatureInvalid",
    "SubscriptionRequired",
    "TollgateError",
    "Unauthenticated",
    "Unavailable",
    "UnexpectedAnswer",
    "User",
    "ValidationFailed",
    "__version__",
    "webhooks",
]


def __getattr__(name: str) -> Any:
    # Their routers are FastAPI's, which not every application has installed.
    if name in ("AuthService", "PaymentService"):
        from . import services  # noqa: PLC0415

        return getattr(services, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
