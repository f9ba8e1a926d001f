"""The design's own entry points and import paths, word for word, against the real program."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.testclient import TestClient
from town import PASSWORD, Running, Server, Town

import tollgate.program
from auth_service import AuthService, get_current_user
from auth_service.dependencies import require_auth, require_permission, require_subscription
from payment_service import PaymentService
from payment_service.quota import consume_quota
from tollgate import User
from tollgate.fastapi import use_gate
from tollgate.testing import FakeTollgate


@pytest.fixture
def home(tmp_path: Path, program: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for a program that an application starts; ended when the test ends."""
    for name in ("TOLLGATE_URL", "TOLLGATE_SERVICE_KEY", "DATABASE_URL", "JWT_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    settings = {
        "TOLLGATE_BINARY": program,
        "DATA_DIR": str(tmp_path),
        "SANDBOX": "on",
        "LOG_LEVEL": "warn",
        "ADMIN_EMAIL": "admin@example.com",
        "ADMIN_PASSWORD": PASSWORD,
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    yield tmp_path
    while tollgate.program._running:
        _, started = tollgate.program._running.popitem()
        started.stop()


def signed_in(http: Any, name: str = "ann") -> str:
    account = {"email": f"{name}@example.com", "username": name, "password": PASSWORD}
    assert http.post("/auth/register", json=account).status_code == 201
    form = {"username": f"{name}@example.com", "password": PASSWORD, "grant_type": "password"}
    answer = http.post("/auth/login", data=form)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def test_the_guide_of_the_design(home: Path) -> None:
    database_url = f"sqlite:///{home}/shop.db"
    app = FastAPI()

    # 初始化服务
    auth_service = AuthService(database_url=database_url)
    payment_service = PaymentService(database_url=database_url)

    # 注册路由
    app.include_router(auth_service.router, prefix="/auth", tags=["auth"])
    app.include_router(payment_service.router, prefix="/payments", tags=["payments"])

    # 在自己的端点中使用
    @app.get("/my-protected-resource")
    async def my_endpoint(current_user=Depends(get_current_user)):  # type: ignore[no-untyped-def]
        return {"user": current_user.email}

    @app.post("/process/{patient_name}/{study_date}")
    async def process_case(
        patient_name: str,
        study_date: str,
        background_tasks: BackgroundTasks,
        current_user: User = Depends(get_current_user),
    ) -> dict[str, str]:
        await consume_quota(current_user.id, "dicom_processing", cost=1)
        return {"patient": patient_name}

    with TestClient(app) as http:
        # One program for both, with its database where it was told.
        assert len(tollgate.program._running) == 1
        assert (home / "shop.db").is_file()
        assert http.get("/my-protected-resource").status_code == 401
        token = signed_in(http)
        bearer = {"authorization": f"Bearer {token}"}
        answer = http.get("/my-protected-resource", headers=bearer)
        assert answer.json() == {"user": "ann@example.com"}
        path = "/process/wang/2026-01-02"
        answer = http.post(path, headers=bearer)
        assert (answer.status_code, answer.json()["code"]) == (402, "subscription_required")
        assert answer.headers["content-type"] == "application/problem+json"
        free = {"plan_slug": "free"}
        answer = http.post("/payments/subscriptions/subscribe", json=free, headers=bearer)
        assert answer.status_code == 201, answer.text
        for _ in range(10):
            assert http.post(path, headers=bearer).json() == {"patient": "wang"}
        answer = http.post(path, headers=bearer)
        assert (answer.status_code, answer.json()["code"]) == (429, "quota_exceeded")
        current = http.get("/payments/subscriptions/current", headers=bearer).json()
        assert (current["quota_used"], current["quota_remaining"]) == (10, 0)
        (started,) = tollgate.program._running.values()
        assert started.process.poll() is None


def test_the_decorators_of_the_design(
    server: Server, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOLLGATE_SERVICE_KEY", town.service_key())
    app = FastAPI()
    payment_service = PaymentService(base_url=server.url)
    app.include_router(payment_service.router, prefix="/payments")

    @app.post("/process/{patient_name}/{study_date}")
    @require_auth
    @consume_quota(resource_type="dicom_processing", cost=1)
    async def process_case(current_user: User, patient_name: str, study_date: str) -> str:
        if patient_name == "nobody":
            raise ZeroDivisionError
        return current_user.email

    @app.get("/reports")
    @require_subscription(plan="pro")
    async def reports() -> str:
        return "reports"

    @app.get("/ops")
    @require_permission("admin")
    async def ops() -> str:
        return "ops"

    person = town.buyer(2)
    bearer = {"authorization": f"Bearer {person.token}"}
    with TestClient(app, raise_server_exceptions=False) as http:
        assert http.post("/process/wang/2026-01-02", headers=bearer).json() == person.email
        assert person.meter() == (1, 0)
        # Settled by the status although nobody called install: the router has.
        assert http.post("/process/nobody/2026-01-02", headers=bearer).status_code == 500
        assert person.meter() == (1, 0)
        assert http.get("/reports", headers=bearer).json()["code"] == "plan_required"
        assert http.get("/ops", headers=bearer).json()["code"] == "permission_denied"
        admin = {"authorization": f"Bearer {town.admin}"}
        assert http.get("/ops", headers=admin).json() == "ops"


def test_the_program_ends_with_the_application(home: Path) -> None:
    """Also when the application does not end by itself in good order."""
    script = textwrap.dedent(
        f"""
        import sys
        from tollgate import AuthService
        from tollgate.program import _running
        service = AuthService(database_url="sqlite:///{home}/ends.db")
        print(service.base_url, next(iter(_running.values())).process.pid, flush=True)
        sys.exit(3)
        """
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 3, ended.stderr
    url, pid = ended.stdout.split()[-2:]
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"{url}/health", trust_env=False)


def test_no_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("TOLLGATE_BINARY", raising=False)
    with pytest.raises(FileNotFoundError, match=r"pip install 'tollgate\[server\]'"):
        tollgate.program.find_program()
    monkeypatch.setenv("TOLLGATE_BINARY", str(tmp_path / "nothing"))
    with pytest.raises(FileNotFoundError, match="TOLLGATE_BINARY"):
        tollgate.program.find_program()


def test_the_program_of_the_wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As pip lays it: packages in one folder, programs in another, which PATH need not name."""
    monkeypatch.setenv("PATH", str(tmp_path / "elsewhere"))
    monkeypatch.delenv("TOLLGATE_BINARY", raising=False)
    told = tmp_path / "lib" / "tollgate_server-0.1.0.dist-info"
    told.mkdir(parents=True)
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: tollgate-server\nVersion: 0.1.0\n")
    (told / "RECORD").write_text("../bin/tollgate,,\ntollgate_server-0.1.0.dist-info/RECORD,,\n")
    monkeypatch.syspath_prepend(str(told.parent))
    assert tollgate.program.find_program() == str(tmp_path / "bin" / "tollgate")


def test_a_program_that_ends_at_its_start(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_ENV", "nonsense")
    with pytest.raises(tollgate.Unavailable, match="ended at its start"):
        _ = AuthService(database_url=f"sqlite:///{home}/x.db").base_url


def test_neither_a_database_nor_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TOLLGATE_URL", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValueError, match="database_url"):
        AuthService()


# --- forwarding ---------------------------------------------------------------------------------


def echo() -> FastAPI:
    """A service that says what it was asked."""
    app = FastAPI()

    @app.get("/health")
    async def health() -> str:
        return "ok"

    @app.api_route(
        "/auth/{rest:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    )
    async def any_call(rest: str, request: Request) -> Response:
        if rest == "stream":

            async def parts() -> Any:
                for number in range(3):
                    yield f"{number};"

            return StreamingResponse(parts(), headers={"x-streamed": "yes"})
        body = await request.body()
        told = {
            "method": request.method,
            "path": request.scope["raw_path"].decode(),
            "query": request.url.query,
            "size": len(body),
            "headers": dict(request.headers),
        }
        response = JSONResponse(told, status_code=418 if rest == "teapot" else 200)
        response.headers.append("set-cookie", "a=1")
        response.headers.append("set-cookie", "b=2")
        return response

    return app


def test_a_request_is_passed_on_as_it_is(running: type[Running]) -> None:
    with running(echo()) as service:
        app = FastAPI()
        app.include_router(AuthService(base_url=service.url).router, prefix="/auth")
        with running(app) as host, httpx2.Client(base_url=host.url, trust_env=False) as http:
            for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
                told = http.request(method, "/auth/a%2Fb/c?x=1&x=%20").json()
                assert (told["method"], told["query"]) == (method, "x=1&x=%20")
                assert told["path"] in ("/auth/a%2Fb/c", "/auth/a/b/c")
            sent = {
                "authorization": "Bearer t",
                "cookie": "s=1",
                "x-own": "1",
                "x-drop": "1",
                "te": "trailers",
                "connection": "keep-alive, x-drop",
                "x-forwarded-for": "203.0.113.9",
            }
            answer = http.post("/auth/login", content=b"x" * 300_000, headers=sent)
            told = answer.json()
            assert told["size"] == 300_000
            headers = told["headers"]
            assert (headers["authorization"], headers["cookie"], headers["x-own"]) == (
                "Bearer t",
                "s=1",
                "1",
            )
            assert "te" not in headers and "x-drop" not in headers
            # The address of whoever called here, not what they say of themselves.
            assert headers["x-forwarded-for"] == "127.0.0.1"
            assert headers["x-forwarded-host"] == f"127.0.0.1:{host.port}"
            assert headers["x-forwarded-proto"] == "http"
            assert headers["host"] == f"127.0.0.1:{service.port}"
            assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
            assert http.get("/auth/teapot").status_code == 418

            def parts() -> Iterator[bytes]:
                for _ in range(3):
                    yield b"x" * 1000

            assert http.post("/auth/chunked", content=parts()).json()["size"] == 3000
            with http.stream("GET", "/auth/stream") as stream:
                assert stream.headers["x-streamed"] == "yes"
                assert "".join(stream.iter_text()) == "0;1;2;"
            assert "/auth/{rest}" not in http.get("/openapi.json").text


def test_a_service_that_is_away_is_503(running: type[Running]) -> None:
    app = FastAPI()
    app.include_router(AuthService(base_url="http://127.0.0.1:9").router, prefix="/auth")
    with TestClient(app) as http:
        answer = http.post("/auth/login", json={})
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert answer.headers["content-type"] == "application/problem+json"


# --- the default gate ---------------------------------------------------------------------------


def test_the_default_gate_is_found_at_the_request(fake: FakeTollgate) -> None:
    app = FastAPI()

    @app.get("/me")
    async def me(current_user: User = Depends(get_current_user)) -> str:
        return current_user.email

    # After the route was made, as in an application that imports its routes first.
    use_gate(fake.gate())
    ann = fake.add_user("ann@example.com")
    with TestClient(app) as http:
        answer = http.get("/me", headers={"authorization": f"Bearer {ann.token}"})
        assert answer.json() == "ann@example.com"
        # Each without lifespan events in a loop of its own.
    lonely = TestClient(app)
    for _ in range(2):
        answer = lonely.get("/me", headers={"authorization": f"Bearer {ann.key}"})
        assert answer.json() == "ann@example.com"
