"""Access tokens checked here, and the keys they are checked with."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import tollgate
from tollgate.callers import Credential
from tollgate.testing import FakeTollgate
from tollgate.tokens import KeysWanted, NotCheckable, TokenRing

ISSUER = "http://tollgate.invalid"
SECRET = "a shared secret of thirty-two bytes at least"
RSA = rsa.generate_private_key(65537, 2048)
P256 = ec.generate_private_key(ec.SECP256R1())
ED = Ed25519PrivateKey.generate()


def public(key: Any, kid: str) -> dict[str, Any]:
    kinds = {"RS256": jwt.algorithms.RSAAlgorithm, "ES256": jwt.algorithms.ECAlgorithm}
    kinds["EdDSA"] = jwt.algorithms.OKPAlgorithm
    algorithm = ALGORITHM[key]
    told = json.loads(kinds[algorithm].to_jwk(key.public_key()))
    return {**told, "kid": kid, "alg": algorithm, "use": "sig"}


ALGORITHM = {RSA: "RS256", P256: "ES256", ED: "EdDSA"}
KEYS = {"keys": [public(RSA, "rsa"), public(P256, "p256"), public(ED, "ed")]}


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def token(key: Any = RSA, kid: str = "rsa", algorithm: str = "RS256", **claims: Any) -> str:
    now = datetime.now(UTC)
    told = {
        "sub": "u-1",
        "iss": ISSUER,
        "aud": "tollgate",
        "type": "access",
        "exp": now + timedelta(minutes=15),
        "sid": "s-1",
        **claims,
    }
    told = {name: value for name, value in told.items() if value is not None}
    return jwt.encode(told, key, algorithm=algorithm, headers={"kid": kid, "typ": "at+jwt"})


def ring(**more: Any) -> TokenRing:
    ring = TokenRing(clock=more.pop("clock", Clock()), **more)
    ring.learn({"issuer": ISSUER}, KEYS)
    return ring


@pytest.mark.parametrize(("key", "kid"), [(RSA, "rsa"), (P256, "p256"), (ED, "ed")])
def test_a_good_token(key: Any, kid: str) -> None:
    claims = ring().check(token(key, kid, ALGORITHM[key]))
    assert (claims.user_id, claims.session_id) == ("u-1", "s-1")


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "http://elsewhere"},
        {"iss": None},
        {"aud": "another"},
        {"aud": None},
        {"type": "refresh"},
        {"type": None},
        {"exp": None},
        {"sub": None},
        {"nbf": datetime.now(UTC) + timedelta(hours=1)},
    ],
)
def test_a_claim_that_is_not_right(claims: dict[str, Any]) -> None:
    with pytest.raises(tollgate.Unauthenticated) as raised:
        ring().check(token(**claims))
    assert raised.value.code == "unauthenticated"


def test_a_token_that_is_over() -> None:
    over = token(exp=datetime.now(UTC) - timedelta(seconds=30))
    with pytest.raises(tollgate.Unauthenticated) as raised:
        ring().check(over)
    assert raised.value.code == "token_expired"
    # Clocks may be a few seconds apart.
    assert ring().check(token(exp=datetime.now(UTC) - timedelta(seconds=2))).user_id == "u-1"


def unsigned() -> str:
    head = {"alg": "none", "typ": "at+jwt", "kid": "rsa"}
    body = {"sub": "u-1", "iss": ISSUER, "aud": "tollgate", "type": "access", "exp": 9_999_999_999}

    def part(told: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(told).encode()).rstrip(b"=").decode()

    return f"{part(head)}.{part(body)}."


def confused() -> str:
    """HS256 with the public key as the secret, which everybody has."""
    pem = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signing = token(ED, "rsa", "EdDSA").split(".")[1]
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"rsa"}').rstrip(b"=").decode()
    import hashlib
    import hmac

    tag = hmac.new(pem, f"{head}.{signing}".encode(), hashlib.sha256).digest()
    return f"{head}.{signing}.{base64.urlsafe_b64encode(tag).rstrip(b'=').decode()}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.b.c",
        "nonsense",
        unsigned(),
        # Another key's algorithm, and another key of the same kind.
        token(ED, "rsa", "EdDSA"),
        token(rsa.generate_private_key(65537, 2048)),
        token()[:-4] + "AAAA",
    ],
)
def test_no_token(text: str) -> None:
    with pytest.raises(tollgate.Unauthenticated):
        ring().check(text)


def test_a_public_key_is_no_secret() -> None:
    with pytest.raises(tollgate.Unauthenticated):
        ring(secret=SECRET).check(confused())
    # Without a secret at hand the service is asked, which refuses it.
    with pytest.raises(NotCheckable):
        ring().check(confused())


def test_a_shared_secret() -> None:
    both = ring(secret=SECRET)
    assert both.check(token(SECRET, "any", "HS256")).user_id == "u-1"
    assert both.check(token()).user_id == "u-1"
    with pytest.raises(tollgate.Unauthenticated):
        both.check(token(SECRET + "!", "any", "HS256"))
    with pytest.raises(NotCheckable):
        ring().check(token(SECRET, "any", "HS256"))


def test_an_unknown_key_is_asked_for_once_a_minute() -> None:
    clock = Clock()
    keys = ring(clock=clock)
    strange = token(rsa.generate_private_key(65537, 2048), "rotated")
    asked = 0
    for _ in range(300):  # five minutes
        try:
            keys.check(strange)
        except KeysWanted:
            asked += 1
        except tollgate.Unauthenticated:
            pass
        clock.now += 1
    assert asked == 5


def test_keys_are_renewed_beside_the_work() -> None:
    clock = Clock()
    keys = ring(clock=clock)
    assert not keys.due()
    clock.now += 301
    assert keys.due()
    # Once, until a minute later.
    assert not keys.due()
    assert keys.check(token()).user_id == "u-1"
    clock.now += 61
    assert keys.due()
    keys.learn({"issuer": ISSUER}, {"keys": [public(ED, "ed")]})
    with pytest.raises(tollgate.Unauthenticated):
        keys.check(token())


def test_old_keys_are_not_believed_for_ever() -> None:
    clock = Clock()
    keys = ring(clock=clock)
    clock.now += 3601
    with pytest.raises(KeysWanted):
        keys.check(token())
    with pytest.raises(tollgate.Unavailable):
        keys.check(token())


def test_a_key_of_a_strange_kind_is_left_out() -> None:
    keys = TokenRing(clock=Clock())
    secret = {"kty": "oct", "kid": "oct", "k": base64.urlsafe_b64encode(b"x" * 32).decode()}
    mixed = {**public(ED, "mixed"), "alg": "RS256"}
    keys.learn({"issuer": ISSUER}, {"keys": [secret, mixed, public(ED, "ed"), {"kty": "RSA"}]})
    assert keys.check(token(ED, "ed", "EdDSA")).user_id == "u-1"
    with pytest.raises((KeysWanted, tollgate.Unauthenticated)):
        keys.check(token(ED, "mixed", "EdDSA"))


# --- the gate that fetches ----------------------------------------------------------------------


def fetches(fake: FakeTollgate) -> int:
    return fake.calls.count(("GET", "/auth/.well-known/jwks.json"))


@pytest.mark.anyio
async def test_many_at_once_fetch_the_keys_once(fake: FakeTollgate) -> None:
    gate, ann = fake.gate(), fake.add_user("ann@example.com")
    credential = Credential(ann.token, None)
    callers = await asyncio.gather(*(gate.identify(credential) for _ in range(50)))
    assert {caller.user_id for caller in callers} == {ann.id}
    assert fetches(fake) == 1
    assert fake.calls.count(("GET", "/auth/verify")) == 1
    await gate.aclose()


@pytest.mark.anyio
async def test_tokens_by_unknown_keys_do_not_become_calls(fake: FakeTollgate) -> None:
    gate, ann = fake.gate(), fake.add_user("ann@example.com")
    await gate.identify(Credential(ann.token, None))
    before = len(fake.calls)
    for number in range(100):
        forged = token(ED, f"kid-{number}", "EdDSA")
        with pytest.raises(tollgate.Unauthenticated):
            await gate.identify(Credential(forged, None))
    # The keys were fetched a moment ago, by the first token.
    assert len(fake.calls) == before
    assert fetches(fake) == 1
    await gate.aclose()


@pytest.mark.anyio
async def test_what_is_no_token_costs_no_question(fake: FakeTollgate) -> None:
    gate, ann = fake.gate(), fake.add_user("ann@example.com")
    await gate.identify(Credential(ann.token, None))
    before = len(fake.calls)
    over = fake.token_for(ann, seconds=-60)
    for text in (over, ann.token[:-6] + "AAAAAA", fake.token_for(ann, type="refresh")):
        with pytest.raises(tollgate.Unauthenticated):
            await gate.identify(Credential(text, None))
    assert len(fake.calls) == before
    await gate.aclose()


@pytest.mark.anyio
async def test_a_key_is_believed_for_a_while(fake: FakeTollgate) -> None:
    gate, ann = fake.gate(key_cache_seconds=30), fake.add_user("ann@example.com")
    clock = Clock()
    gate._known._clock = clock
    credential = Credential(ann.key, None)
    await gate.identify(credential)
    fake.revoke(ann.key)
    clock.now += 29
    assert (await gate.identify(credential)).user_id == ann.id
    clock.now += 2
    with pytest.raises(tollgate.Unauthenticated) as raised:
        await gate.identify(credential)
    assert raised.value.code == "api_key_invalid"
    # Nothing that was shown is kept.
    assert ann.key not in repr(gate._known.__dict__)
    await gate.aclose()


@pytest.mark.anyio
async def test_what_is_kept_is_bounded(fake: FakeTollgate) -> None:
    gate, ann = fake.gate(), fake.add_user("ann@example.com")
    gate._known._most = 10
    keys = [fake.key_for(ann) for _ in range(25)]
    for key in keys:
        await gate.identify(Credential(key, None))
    assert len(gate._known) == 10
    before = len(fake.calls)
    await gate.identify(Credential(keys[-1], None))
    assert len(fake.calls) == before
    await gate.identify(Credential(keys[0], None))
    assert len(fake.calls) == before + 1
    await gate.aclose()


@pytest.mark.anyio
async def test_a_yes_for_one_address_is_none_for_another(fake: FakeTollgate) -> None:
    gate, ann = fake.gate(), fake.add_user("ann@example.com")
    for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1"):
        await gate.identify(Credential(ann.key, address))
    assert fake.calls.count(("GET", "/auth/verify")) == 2
    await gate.aclose()
