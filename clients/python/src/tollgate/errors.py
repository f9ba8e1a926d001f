"""What can go wrong, as one family of exceptions.

Every refusal of the service is a ``problem`` (RFC 9457). The exception carries it whole; ``code``
is the part that programs compare. A code this version does not know becomes the nearest class by
its status, so a newer service never brings an exception outside the family.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = [
    "BadRequest",
    "Conflict",
    "InternalError",
    "NoSubscription",
    "NotFound",
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
    "ValidationFailed",
    "from_answer",
    "made_here",
]


class TollgateError(Exception):
    """The service refused, failed, or could not be reached.

    ``code`` is stable and the one to compare; ``status`` is the HTTP status, ``None`` where no
    answer came; ``problem`` is the whole body; ``request_id`` names the call in the service's log;
    ``retry_after`` is in seconds, ``None`` when nothing was said.
    """

    code: str
    status: int | None
    problem: dict[str, Any]
    request_id: str | None
    retry_after: float | None

    #: What a class stands for when nobody says more.
    default_code = "error"
    default_status: int | None = None

    def __init__(
        self,
        detail: str = "",
        *,
        code: str | None = None,
        status: int | None = None,
        problem: Mapping[str, Any] | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.problem = dict(problem or {})
        self.code = code or str(self.problem.get("code") or self.default_code)
        self.status = status if status is not None else self.default_status
        self.request_id = request_id or self.problem.get("request_id")
        self.retry_after = retry_after
        text = detail or str(self.problem.get("detail") or self.problem.get("title") or "")
        super().__init__(f"{self.code}: {text}" if text else self.code)

    @property
    def detail(self) -> str:
        """A sentence for people, in the language that was asked for."""
        return str(self.problem.get("detail") or self.args[0])


class BadRequest(TollgateError):
    """400: the request cannot be read, or carries two different credentials."""

    default_code, default_status = "bad_request", 400


class Unauthenticated(TollgateError):
    """401: no credential, or one that is not good (any more)."""

    default_code, default_status = "unauthenticated", 401


class SubscriptionRequired(TollgateError):
    """402 ``subscription_required``: the person has no plan in force."""

    default_code, default_status = "subscription_required", 402

    @property
    def upgrade_url(self) -> str | None:
        """Where a plan can be bought."""
        return _text(self.problem.get("upgrade_url"))


class PlanRequired(TollgateError):
    """402 ``plan_required``: the person has a plan, but not one of these."""

    default_code, default_status = "plan_required", 402

    @property
    def upgrade_url(self) -> str | None:
        """Where another plan can be bought."""
        return _text(self.problem.get("upgrade_url"))


class PermissionDenied(TollgateError):
    """403, whatever the cause: a permission, a scope, a confirmation is missing."""

    default_code, default_status = "permission_denied", 403


class NotFound(TollgateError):
    """404: unknown, or somebody else's."""

    default_code, default_status = "not_found", 404


class NoSubscription(NotFound):
    """404 ``no_subscription``: there is no current subscription."""

    default_code = "no_subscription"


class Conflict(TollgateError):
    """409: taken, in use, or under way."""

    default_code, default_status = "conflict", 409


class ReservationSettled(Conflict):
    """409 ``reservation_settled``: the hold was settled otherwise, or its time is over."""

    default_code = "reservation_settled"


class ValidationFailed(TollgateError):
    """413, 415 or 422: the input is not right; ``errors`` says where."""

    default_code, default_status = "validation_failed", 422

    @property
    def errors(self) -> list[dict[str, Any]]:
        """Each with ``field`` (a JSON pointer), ``code`` and ``detail``."""
        found = self.problem.get("errors")
        return [e for e in found if isinstance(e, dict)] if isinstance(found, list) else []


class RateLimited(TollgateError):
    """429 ``rate_limited``: too many calls; wait ``retry_after`` seconds."""

    default_code, default_status = "rate_limited", 429


class QuotaExceeded(TollgateError):
    """429 ``quota_exceeded``: too few units are left. Never tried again by itself."""

    default_code, default_status = "quota_exceeded", 429

    @property
    def quota(self) -> dict[str, Any]:
        """How the meter stands: ``limit``, ``used``, ``remaining`` (units), ``resets_at``."""
        found = self.problem.get("quota")
        return found if isinstance(found, dict) else {}

    @property
    def upgrade_url(self) -> str | None:
        """Where a larger plan can be bought."""
        return _text(self.problem.get("upgrade_url"))


class InternalError(TollgateError):
    """500: something is wrong in the service."""

    default_code, default_status = "internal", 500


class ProviderError(TollgateError):
    """502 ``provider_error``: Alipay, WeChat Pay or Stripe could not serve the call."""

    default_code, default_status = "provider_error", 502


class Unavailable(TollgateError):
    """502, 503 or 504, or no answer at all (then ``status`` is ``None``)."""

    default_code = "unavailable"


class UnexpectedAnswer(TollgateError):
    """A success whose body is not what the call promises: another program answers there."""

    default_code = "unexpected_answer"


class SignatureInvalid(TollgateError):
    """An event that is not genuine, or too old: :func:`tollgate.webhooks.verify`."""

    default_code, default_status = "signature_invalid", 401


_BY_CODE: dict[str, type[TollgateError]] = {
    "subscription_required": SubscriptionRequired,
    "plan_required": PlanRequired,
    "no_subscription": NoSubscription,
    "reservation_settled": ReservationSettled,
    "quota_exceeded": QuotaExceeded,
    "rate_limited": RateLimited,
    "provider_error": ProviderError,
}

_BY_STATUS: dict[int, type[TollgateError]] = {
    401: Unauthenticated,
    402: SubscriptionRequired,
    403: PermissionDenied,
    404: NotFound,
    409: Conflict,
    413: ValidationFailed,
    415: ValidationFailed,
    422: ValidationFailed,
    429: RateLimited,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}


def from_answer(
    status: int,
    problem: Mapping[str, Any] | None,
    *,
    request_id: str | None = None,
    retry_after: float | None = None,
) -> TollgateError:
    """The exception of an answer that is no success: by its code, else by its status."""
    code = str((problem or {}).get("code") or "")
    kind = _BY_CODE.get(code) or _BY_STATUS.get(status)
    if kind is None:
        kind = InternalError if status >= 500 else BadRequest if status >= 400 else TollgateError
    return kind(
        status=status,
        problem=problem,
        code=code or kind.default_code,
        request_id=request_id,
        retry_after=retry_after,
    )


def made_here(kind: type[TollgateError], **members: Any) -> TollgateError:
    """A refusal that needs no question to the service, in the shape the service gives it."""
    code = str(members.pop("code", kind.default_code))
    retry_after = members.pop("retry_after", None)
    problem = {
        "type": f"urn:tollgate:problem:{code}",
        "status": kind.default_status,
        "code": code,
        **members,
    }
    return kind(problem=problem, code=code, retry_after=retry_after)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
