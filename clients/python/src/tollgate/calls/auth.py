"""Accounts, sign-ins and keys: ``/auth``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ..call import Call, Page, fields, nothing, one, page_of, query
from ..models import ApiKey, Introspection, Tokens, User, Verification


def register(
    email: str,
    username: str,
    password: str,
    *,
    locale: str | None = None,
    invite_token: str | None = None,
) -> Call[User]:
    """Opens an account. ``locale`` is zh or en.

    Raises ``Conflict`` (``email_taken``, ``username_taken``), ``ValidationFailed``
    (``weak_password``), ``PermissionDenied`` (``registration_closed``).
    """
    body = fields(
        email=email,
        username=username,
        password=password,
        locale=locale,
        invite_token=invite_token,
    )
    # A repeat of one that worked would be refused as taken.
    return Call("POST", "/auth/register", one(User), body=body, public=True, repeatable=False)


def login(email_or_username: str, password: str) -> Call[Tokens]:
    """Signs in.

    Raises ``Unauthenticated`` (``invalid_credentials``), ``RateLimited``, and ``PermissionDenied``
    with ``second_factor_required``, whose problem holds the ``challenge_token``.
    """
    name = "email" if "@" in email_or_username else "username"
    body = {name: email_or_username, "password": password}
    return Call("POST", "/auth/login", one(Tokens), body=body, public=True)


def login_second_factor(challenge_token: str, code: str) -> Call[Tokens]:
    """The second half of a sign-in: a code of the app, or a recovery code. Each works once."""
    body = {"challenge_token": challenge_token, "code": code}
    path = "/auth/login/second-factor"
    return Call("POST", path, one(Tokens), body=body, public=True, repeatable=False)


def refresh(refresh_token: str) -> Call[Tokens]:
    """A new pair of tokens. Within ten seconds a repeat is given the same successor.

    Raises ``Unauthenticated`` (``token_revoked``, ``token_expired``).
    """
    body = {"refresh_token": refresh_token}
    return Call("POST", "/auth/refresh", one(Tokens), body=body, public=True)


def logout(refresh_token: str | None = None) -> Call[None]:
    """Ends the sign-in at once."""
    return Call("POST", "/auth/logout", nothing, body=fields(refresh_token=refresh_token))


def me() -> Call[User]:
    """Whose credential this is. Raises ``Unauthenticated``."""
    return Call("GET", "/auth/me", one(User))


def verify(
    credential: str | None = None,
    *,
    plan: str | Sequence[str] | None = None,
    permission: str | None = None,
    resource_type: str | None = None,
    cost: int | None = None,
    forwarded_for: str | None = None,
) -> Call[Verification]:
    """Whose ``credential`` it is (an access token or an API key), and what they may use.

    With ``plan`` (one of these), ``permission``, or ``resource_type`` and ``cost`` it also answers
    whether they have what a call takes; nothing is charged. ``forwarded_for`` is the address the
    credential came from, for keys that are limited to addresses.

    Raises ``Unauthenticated``, ``SubscriptionRequired``, ``PlanRequired``, ``PermissionDenied``,
    ``QuotaExceeded``.
    """
    plans = plan if plan is None or isinstance(plan, str) else ",".join(plan)
    asked = query(plan=plans, permission=permission, resource_type=resource_type, cost=cost)
    headers = {"x-forwarded-for": forwarded_for} if forwarded_for else {}
    return Call(
        "GET",
        "/auth/verify",
        one(Verification),
        query=asked,
        credential=credential,
        headers=headers,
    )


def introspect(token: str) -> Call[Introspection]:
    """What a token or key is good for (RFC 7662); takes a service key with ``introspect``."""
    return Call("POST", "/auth/introspect", one(Introspection), form={"token": token})


def revoke(token: str) -> Call[None]:
    """Ends the sign-in of a token (RFC 7009); anything else does nothing."""
    return Call("POST", "/auth/revoke", nothing, form={"token": token}, public=True)


def change_password(current_password: str, new_password: str) -> Call[None]:
    """Sets another password; other sign-ins end.

    Raises ``ValidationFailed`` (``weak_password``), ``Unauthenticated``.
    """
    body = {"current_password": current_password, "new_password": new_password}
    return Call("POST", "/auth/change-password", nothing, body=body, repeatable=False)


def jwks() -> Call[dict[str, Any]]:
    """The public keys that access tokens are checked with; none under HS256."""
    return Call("GET", "/auth/.well-known/jwks.json", dict, public=True)


def metadata() -> Call[dict[str, Any]]:
    """Where the endpoints are, and the ``issuer`` of tokens (RFC 8414)."""
    return Call("GET", "/.well-known/oauth-authorization-server", dict, public=True)


def api_keys(*, limit: int = 100) -> Call[Page[ApiKey]]:
    """One's own keys, without their text, newest first."""
    return Call("GET", "/auth/api-keys", page_of(ApiKey), query=query(limit=limit))


def create_api_key(
    name: str,
    *,
    expires_at: datetime | None = None,
    scopes: Sequence[str] | None = None,
    allowed_addresses: Sequence[str] | None = None,
    rate_limit_per_minute: int | None = None,
    current_password: str | None = None,
) -> Call[ApiKey]:
    """Makes a key; ``key`` of the answer is its text, shown this once. Takes a sign-in.

    Raises ``PermissionDenied`` (``confirmation_required``) when the sign-in is older than five
    minutes and ``current_password`` is not given.
    """
    body = fields(
        name=name,
        expires_at=expires_at,
        scopes=list(scopes) if scopes is not None else None,
        allowed_addresses=list(allowed_addresses) if allowed_addresses is not None else None,
        rate_limit_per_minute=rate_limit_per_minute,
        current_password=current_password,
    )
    return Call("POST", "/auth/api-keys", one(ApiKey), body=body, repeatable=False)


def delete_api_key(key_id: str) -> Call[None]:
    """Ends a key at once. Raises ``NotFound``."""
    return Call("DELETE", f"/auth/api-keys/{key_id}", nothing)


def rotate_api_key(key_id: str, *, overlap_seconds: int | None = None) -> Call[ApiKey]:
    """A new key with the same limits; the old one goes on for ``overlap_seconds`` (a day)."""
    body = fields(overlap_seconds=overlap_seconds)
    return Call("POST", f"/auth/api-keys/{key_id}/rotate", one(ApiKey), body=body, repeatable=False)
