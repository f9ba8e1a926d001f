"""The gate against the real service, behind a real listener."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from asgi import call
from fastapi import Depends, FastAPI
from town import PASSWORD, Person, Running, Server, Town

from tollgate import Client
from tollgate.fastapi import Hold, Tollgate, User
from tollgate.testing import FakeTollgate


def application(gate: Tollgate) -> FastAPI:
    app = FastAPI(lifespan=gate.lifespan)
    gate.install(app)

    @app.get("/me")
    async def me(user: User = Depends(gate.get_current_user)) -> str:
        return user.email

    @app.post("/work")
    async def work(
        slow_ms: int = 0, hold: Hold = Depends(gate.consume_quota("dicom_processing"))
    ) -> str:
        import asyncio

        await asyncio.sleep(slow_ms / 1000)
        return "made"

    return app


def test_a_socket_that_closes(
    town: Town, service_key: str, buyer: Callable[..., Person], running: type[Running]
) -> None:
    person = buyer()
    with running(application(Tollgate(town.url, service_key))) as host:
        with socket.create_connection(("127.0.0.1", host.port), timeout=10) as line:
            line.sendall(
                b"POST /work?slow_ms=60000 HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n"
                b"authorization: Bearer " + person.token.encode() + b"\r\n\r\n"
            )
            person.until(0, 1)
        person.until(0, 0)
        answer = httpx2.post(f"{host.url}/work", headers={"authorization": f"Bearer {person.key}"})
        assert answer.status_code == 200
        assert person.meter() == (1, 0)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("settings", "shared"),
    [
        ({}, False),
        ({"JWT_ALGORITHM": "ES256"}, False),
        ({"JWT_ALGORITHM": "EdDSA"}, False),
        (
            {"JWT_ALGORITHM": "HS256", "JWT_SECRET_KEY": "a shared secret of 32 bytes at least"},
            True,
        ),
        # The secret is not at hand here: the service is asked.
        (
            {"JWT_ALGORITHM": "HS256", "JWT_SECRET_KEY": "a shared secret of 32 bytes at least"},
            False,
        ),
    ],
)
async def test_every_algorithm(
    program: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, str],
    shared: bool,
) -> None:
    monkeypatch.delenv("JWT_SECRET_KEY", raising=False)
    server = Server(program, tmp_path / "data", **settings)
    if settings.get("JWT_ALGORITHM") in ("ES256", "EdDSA"):
        server.settings["JWT_PRIVATE_KEY"] = private_key(settings["JWT_ALGORITHM"])
    server.start()
    town = Town(server.url, server.admin_email, server.admin_password)
    try:
        person = town.buyer()
        secret = settings["JWT_SECRET_KEY"] if shared else None
        gate = Tollgate(server.url, town.service_key(), jwt_secret=secret)
        app = application(gate)
        exchange = await call(app, "GET", "/me", person.token)
        assert exchange.status == 200, exchange.body
        assert exchange.json() == person.email
        exchange = await call(app, "GET", "/me", person.token[:-8] + "AAAAAAAA")
        assert (exchange.status, exchange.json()["code"]) == (401, "unauthenticated")
        assert (await call(app, "POST", "/work", person.token)).status == 200
        assert person.meter() == (1, 0)
        await gate.aclose()
    finally:
        town.close()
        server.stop()


def private_key(algorithm: str) -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    key: Any = (
        ec.generate_private_key(ec.SECP256R1())
        if algorithm == "ES256"
        else ed25519.Ed25519PrivateKey.generate()
    )
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return str(key.private_bytes(*form, serialization.NoEncryption()).decode())


@pytest.mark.anyio
async def test_a_key_limited_to_addresses(
    program: str, tmp_path: Path, buyer: Callable[..., Person]
) -> None:
    server = Server(program, tmp_path, TRUSTED_PROXIES="127.0.0.1")
    server.start()
    town = Town(server.url, server.admin_email, server.admin_password)
    try:
        person = town.buyer()
        with Client(server.url, access_token=person.token) as client:
            made = client.auth.create_api_key("desk", allowed_addresses=["192.0.2.7"])
        gate = Tollgate(server.url, town.service_key())
        app = application(gate)

        def coming_from(address: str) -> Any:
            async def there(scope: Any, receive: Any, send: Any) -> None:
                await app({**scope, "client": (address, 1)}, receive, send)

            return there

        assert made.key is not None
        for address, status in (("192.0.2.7", 200), ("192.0.2.8", 403), ("192.0.2.7", 200)):
            exchange = await call(coming_from(address), "POST", "/work", made.key)
            assert exchange.status == status, (address, exchange.body)
        assert person.meter() == (2, 0)
        await gate.aclose()
    finally:
        town.close()
        server.stop()


# --- the stand-in is like the service -----------------------------------------------------------


def test_the_stand_in_answers_alike(town: Town, service_key: str) -> None:
    """The same calls, at both: statuses, codes and what they did to the meter."""
    fake = FakeTollgate()
    fake.add_plan("small", 10, dicom_processing=2)
    fakes = fake.add_user("ann@example.com", plan="small")
    stranger = fake.add_user("nil@example.com")
    real = town.buyer(10, dicom_processing=2, **{"*": 1})
    nobody = town.register()
    with (
        httpx2.Client(base_url=fake.url, transport=fake.transport) as there,
        httpx2.Client(base_url=town.url, trust_env=False) as here,
    ):
        told_there = script(there, fake.service_key, fakes, stranger, "sk_" + "test_" + "a" * 49)
        told_here = script(here, service_key, real, nobody, "sk_" + "test_" + "a" * 49)
    assert told_there == told_here
    assert len(told_here) > 25


def script(http: httpx2.Client, app_key: str, person: Any, nobody: Any, bad: str) -> list[Any]:
    told: list[Any] = []
    said: dict[str, Any] = {}

    def ask(name: str, method: str, path: str, who: str, body: Any = None, **query: Any) -> None:
        headers = {"authorization": f"Bearer {who}"} if who else {}
        if body is not None:
            body = {k: said.get(v, v) if isinstance(v, str) else v for k, v in body.items()}
        response = http.request(method, path, json=body, headers=headers, params=query or None)
        answer = response.json()
        for field in ("reservation_id", "usage_id"):
            if answer.get(field):
                said[f"{name}.{field}"] = answer[field]
        quota = answer.get("quota") or {}
        meter = [quota.get(k) for k in ("limit", "used", "reserved", "remaining")]
        members = sorted(k for k in ("errors", "upgrade_url", "plans", "permission") if k in answer)
        told.append(
            (
                name,
                response.status_code,
                answer.get("code"),
                meter,
                members,
                answer.get("charged"),
                answer.get("units"),
                answer.get("allowed"),
                response.headers.get("retry-after") is not None,
            )
        )

    def hold(name: str, cost: int, who: str = app_key, user: Any = person) -> None:
        body = {"resource_type": "dicom_processing", "cost": cost, "user_id": user.id}
        ask(name, "POST", "/quota/reserve", who, body)

    for shown in (person.token, person.key, app_key, bad, "nonsense", ""):
        ask("verify", "GET", "/auth/verify", shown)
    ask("plan", "GET", "/auth/verify", person.key, plan="pro,enterprise")
    ask("no plan", "GET", "/auth/verify", nobody.key, plan="pro")
    ask("permission", "GET", "/auth/verify", person.token, permission="admin")
    ask("fits", "GET", "/auth/verify", person.token, resource_type="dicom_processing", cost=6)
    ask("check", "GET", "/quota/check", person.key, resource_type="dicom_processing", cost=5)
    ask(
        "check too much",
        "GET",
        "/quota/check",
        person.key,
        resource_type="dicom_processing",
        cost=6,
    )
    ask("check whom", "GET", "/quota/check", app_key, resource_type="dicom_processing")
    hold("a", 3)
    hold("too much", 3)
    hold("not by a key", 1, person.key)
    hold("nobody", 1, user=nobody)
    hold("none", 0)
    ask(
        "beyond",
        "POST",
        "/quota/commit",
        app_key,
        {"reservation_id": "a.reservation_id", "cost": 4},
    )
    ask("part", "POST", "/quota/commit", app_key, {"reservation_id": "a.reservation_id", "cost": 2})
    ask(
        "again", "POST", "/quota/commit", app_key, {"reservation_id": "a.reservation_id", "cost": 2}
    )
    ask("other end", "POST", "/quota/release", app_key, {"reservation_id": "a.reservation_id"})
    hold("b", 2)
    ask("back", "POST", "/quota/release", app_key, {"reservation_id": "b.reservation_id"})
    ask("back again", "POST", "/quota/release", app_key, {"reservation_id": "b.reservation_id"})
    ask("late", "POST", "/quota/commit", app_key, {"reservation_id": "b.reservation_id"})
    ask(
        "late",
        "POST",
        "/quota/extend",
        app_key,
        {"reservation_id": "b.reservation_id", "ttl_seconds": 9},
    )
    unknown = "0198c0de-0000-7000-8000-000000000009"
    ask("unknown", "POST", "/quota/release", app_key, {"reservation_id": unknown})
    ask("own", "POST", "/quota/consume", person.key, {"resource_type": "another", "cost": 2})
    ask("refund", "POST", "/quota/refund", app_key, {"usage_id": "own.usage_id", "reason": "t"})
    ask(
        "refund again",
        "POST",
        "/quota/refund",
        app_key,
        {"usage_id": "own.usage_id", "reason": "t"},
    )
    ask(
        "rest",
        "POST",
        "/quota/consume",
        person.token,
        {"resource_type": "dicom_processing", "cost": 3},
    )
    ask("none left", "POST", "/quota/consume", person.token, {"resource_type": "another"})
    ask("current", "GET", "/payments/subscriptions/current", nobody.token)
    ask("nowhere", "GET", "/nowhere", person.token)
    return told


def test_passwords_are_not_shown(town: Town) -> None:
    with Client(town.url) as client:
        assert PASSWORD not in repr(client.__dict__)
