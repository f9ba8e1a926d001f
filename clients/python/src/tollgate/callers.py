"""Who asks: credentials of a request, and what was last heard of them.

Shared by the guards of all frameworks. An access token is checked here first, so that what is no
token costs no question; then the service is asked, as for a key, and its answer is believed for
``key_cache_seconds``: so long may a revocation go unnoticed.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from .errors import BadRequest, PermissionDenied, Unauthenticated, made_here
from .models import Verification

#: While the service is away, and only under ``on_unavailable="allow"``, an answer is believed so
#: long, in seconds.
LAST_RESORT = 3600.0


@dataclass(frozen=True, slots=True)
class Credential:
    """What a request shows, and from where."""

    text: str = field(repr=False)
    address: str | None

    @property
    def is_token(self) -> bool:
        """A JWT has two dots; a key has none."""
        return self.text.count(".") == 2


def credential_of(headers: Mapping[str, str], address: str | None) -> Credential | None:
    """``Authorization: Bearer`` or ``X-API-Key``; ``None`` without either.

    Raises ``BadRequest`` (``two_credentials``) when they differ, ``Unauthenticated`` for another
    scheme.
    """
    bearer, key = headers.get("authorization"), headers.get("x-api-key")
    text: str | None = None
    if bearer is not None:
        scheme, _, rest = bearer.strip().partition(" ")
        text = rest.strip()
        if scheme.lower() != "bearer" or not text:
            raise made_here(Unauthenticated)
    if key is not None:
        key = key.strip()
        if text is not None and key != text:
            raise made_here(BadRequest, code="two_credentials")
        text = key
    return Credential(text, address) if text else None


class Known:
    """What the service last said of credentials: bounded, without the credentials."""

    def __init__(
        self,
        *,
        seconds: float = 30.0,
        most: int = 4096,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds, self._most, self._clock = seconds, most, clock
        self._heard: OrderedDict[bytes, tuple[float, Verification]] = OrderedDict()

    def find(self, credential: Credential, *, last_resort: bool = False) -> Verification | None:
        """What is still believed."""
        name = _name(credential)
        found = self._heard.get(name)
        if found is None:
            return None
        at, verification = found
        age = self._clock() - at
        end = verification.expires_at
        if age > LAST_RESORT or (end is not None and end <= datetime.now(UTC)):
            del self._heard[name]
            return None
        return verification if age < (LAST_RESORT if last_resort else self._seconds) else None

    def remember(self, credential: Credential, verification: Verification) -> None:
        """A yes of the service; the oldest goes when there are too many."""
        name = _name(credential)
        self._heard[name] = (self._clock(), verification)
        self._heard.move_to_end(name)
        while len(self._heard) > self._most:
            self._heard.popitem(last=False)

    def forget(self, credential: Credential) -> None:
        """A no of the service."""
        self._heard.pop(_name(credential), None)

    def __len__(self) -> int:
        return len(self._heard)


def _name(credential: Credential) -> bytes:
    # A key may be limited to addresses, so a yes for one place is none for another.
    text = f"{credential.text}\n{credential.address or ''}"
    return hashlib.sha256(text.encode()).digest()


def within_scopes(verification: Verification, scope: str | None) -> None:
    """A limited key opens what names one of its scopes, and nothing else.

    Raises ``PermissionDenied``.
    """
    if verification.scopes is not None and scope not in verification.scopes:
        raise made_here(PermissionDenied, permission=scope or "unlimited")


def plans_of(plan: str | Sequence[str] | None) -> tuple[str, ...] | None:
    """Slugs; ``None`` is any plan.

    Raises ``ValueError`` for an empty list, which would let nobody in by mistake.
    """
    if plan is None:
        return None
    plans = (plan,) if isinstance(plan, str) else tuple(plan)
    if not plans or not all(plans):
        raise ValueError("name a plan, or leave it out for any")
    return plans
