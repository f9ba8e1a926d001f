"""When a call is sent again, and after how long.

Sent again, at most twice: a connection that failed, 409 ``idempotency_in_progress``, 429
``rate_limited``, 502, 503, 504. Never ``quota_exceeded``: units do not come back by asking.
A call that must not happen twice is sent again only if it never left, or was turned away.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from random import SystemRandom
from typing import Any

from .call import Call
from .errors import TollgateError

#: The wait before the first further try, in seconds; it doubles, and each is drawn below it.
FIRST_PAUSE = 0.25
_DRAW = SystemRandom()


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """``retries`` further tries; no ``Retry-After`` beyond ``longest_wait`` seconds is kept.

    None begins more than ``within`` seconds after the first.
    """

    retries: int = 2
    longest_wait: float = 30.0
    within: float = 60.0


class Tries:
    """The tries of one call."""

    def __init__(self, policy: RetryPolicy, call: Call[Any]) -> None:
        self._policy, self._call = policy, call
        self._made, self._begun = 0, time.monotonic()

    def pause(self, error: TollgateError, *, left: bool) -> float | None:
        """Seconds until the next try, or ``None``: the error stands.

        ``left`` says that the request may have arrived.
        """
        if self._made >= self._policy.retries or not _worth_it(self._call, error, left=left):
            return None
        wait = FIRST_PAUSE * (1 << self._made) * _DRAW.uniform(0.5, 1.0)
        if error.retry_after is not None:
            if error.retry_after > self._policy.longest_wait:
                return None
            # A little later than told, so that many clients do not come back at the same moment.
            wait = error.retry_after + _DRAW.uniform(0, FIRST_PAUSE)
        if time.monotonic() - self._begun + wait > self._policy.within:
            return None
        self._made += 1
        return wait


def _worth_it(call: Call[Any], error: TollgateError, *, left: bool) -> bool:
    if error.status is None:
        return call.repeatable or not left
    if error.status == 429:
        return error.code == "rate_limited"
    if error.status == 409:
        return error.code == "idempotency_in_progress"
    # Refused for good by configuration, not by a moment.
    if error.code == "payments_not_configured":
        return False
    return error.status in (502, 503, 504) and call.repeatable
