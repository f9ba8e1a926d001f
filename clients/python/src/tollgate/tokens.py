"""Access tokens, checked here: signature, issuer, audience, kind, end.

``TokenRing`` holds the public keys and decides; it never fetches. Where it needs newer keys it
raises ``KeysWanted``, and its owner fetches and tells it (``learn``) or reports the failure.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from .errors import Unauthenticated, Unavailable, made_here

#: Who access tokens are for.
AUDIENCE = "tollgate"
#: What the service may sign with; each key has exactly one of them.
_ALGORITHMS = {"RSA": "RS256", "EC": "ES256", "OKP": "EdDSA"}
#: The service publishes a key for six minutes before it signs, so older keys than this will do.
KEYS_LAST = 300.0
#: While the service is away its keys go on being believed for so long.
KEYS_END = 3600.0
#: A token with an unknown key id asks for new keys at most so often, in seconds.
REFETCH_EVERY = 60.0
#: While there are no keys at all, they are asked for at most so often.
FIRST_FETCH_EVERY = 1.0


class KeysWanted(Exception):
    """Newer keys are needed; ask for them, then check again."""


class NotCheckable(Exception):
    """A token under a shared secret that this application does not have."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a good access token says. ``expires_at`` is in seconds since 1970."""

    user_id: str
    session_id: str | None
    expires_at: int


class TokenRing:
    """The keys of the service and what is good under them.

    ``secret`` is the service's ``JWT_SECRET_KEY`` where it signs by HS256. ``issuer`` is its
    ``PUBLIC_URL``; left out, it is what the service says of itself. ``leeway`` is how far clocks
    may be apart, in seconds.
    """

    def __init__(
        self,
        *,
        secret: str | None = None,
        issuer: str | None = None,
        leeway: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._secret, self._issuer, self._leeway, self._clock = secret, issuer, leeway, clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._learned_at: float | None = None
        self._asked_at: float | None = None
        self._told_issuer: str | None = None

    def check(self, token: str) -> Claims:
        """What the token says, if it is good.

        Raises ``Unauthenticated`` (``token_expired`` or ``unauthenticated``), ``KeysWanted``,
        ``NotCheckable``, and ``Unavailable`` when keys were asked for in vain a moment ago.
        """
        try:
            header = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError:
            raise _bad("not an access token") from None
        issuer = self._issuer or self._told_issuer
        if header.get("alg") == "HS256":
            # A public key must never serve as a secret: HS256 goes with the secret alone.
            if self._secret is None:
                raise NotCheckable
            if issuer is None:
                raise self._ask()
            return self._claims(token, self._secret, "HS256", issuer)
        key = self._key(header.get("kid"))
        if header.get("alg") != key.algorithm_name:
            raise _bad("another algorithm than the key's")
        if issuer is None:
            raise self._ask()
        return self._claims(token, key, key.algorithm_name, issuer)

    def learn(self, metadata: Mapping[str, Any], keys: Mapping[str, Any]) -> None:
        """The answers of the service: its metadata and its key set. Keys that left it are gone."""
        known: dict[str, jwt.PyJWK] = {}
        for told in keys.get("keys", ()):
            algorithm = _ALGORITHMS.get(str(told.get("kty")))
            if algorithm and told.get("alg", algorithm) == algorithm and told.get("kid"):
                known[str(told["kid"])] = jwt.PyJWK(dict(told), algorithm=algorithm)
        self._keys = known
        self._told_issuer = str(metadata["issuer"]) if metadata.get("issuer") else None
        self._learned_at = self._clock()

    def knows(self, token: str) -> bool:
        """Whether the key that signed the token, as it says itself, is at hand."""
        try:
            return str(jwt.get_unverified_header(token).get("kid")) in self._keys
        except jwt.InvalidTokenError:
            return False

    def due(self) -> bool:
        """Whether to fetch the keys beside the work; says so once, then not before a minute."""
        now = self._clock()
        if self._learned_at is None or now - self._learned_at <= KEYS_LAST:
            return False
        if not self._may_ask(now):
            return False
        self._asked_at = now
        return True

    def _key(self, key_id: object) -> jwt.PyJWK:
        now = self._clock()
        key = self._keys.get(str(key_id))
        fresh = self._learned_at is not None and now - self._learned_at <= KEYS_END
        if key is not None and fresh:
            return key
        if self._may_ask(now):
            raise self._ask()
        if not fresh:
            raise Unavailable("the keys of the service are not known")
        raise _bad("signed by an unknown key")

    def _may_ask(self, now: float) -> bool:
        every = FIRST_FETCH_EVERY if self._learned_at is None else REFETCH_EVERY
        return self._asked_at is None or now - self._asked_at >= every

    def _ask(self) -> Exception:
        now = self._clock()
        if not self._may_ask(now):
            return Unavailable("the service has not told its issuer yet")
        self._asked_at = now
        return KeysWanted()

    def _claims(self, token: str, key: Any, algorithm: str, issuer: str) -> Claims:
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=AUDIENCE,
                issuer=issuer,
                leeway=self._leeway,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.ExpiredSignatureError:
            raise _bad("the token is over", code="token_expired") from None
        except jwt.InvalidTokenError as error:
            raise _bad(str(error)) from None
        if claims.get("type") != "access":
            raise _bad("not an access token")
        return Claims(str(claims["sub"]), claims.get("sid"), int(claims["exp"]))


def _bad(reason: str, *, code: str = "unauthenticated") -> Unauthenticated:
    error = made_here(Unauthenticated, code=code, reason=reason)
    assert isinstance(error, Unauthenticated)  # noqa: S101 - what was asked for above
    return error
