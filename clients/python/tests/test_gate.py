"""The gate of a FastAPI application: what settles, what is refused, what shows in OpenAPI."""

from __future__ import annotations

import asyncio
import gc
import logging
from typing import Annotated, Any

import pytest
from asgi import Exchange, call
from fastapi import (
    BackgroundTasks,
    Depends,
    FastAPI,
    File,
    HTTPException,
    Request,
    Response,
    UploadFile,
)
from fastapi.responses import JSONResponse, RedirectResponse, StreamingResponse
from pydantic import BaseModel
from starlette.middleware.base import BaseHTTPMiddleware

import tollgate
from tollgate.fastapi import DeferredHold, Hold, Subscription, Tollgate, User
from tollgate.testing import FakeTollgate

pytestmark = pytest.mark.anyio


class Shop:
    """An application and the stand-in behind its gate."""

    def __init__(self, fake: FakeTollgate, **settings: Any) -> None:
        self.fake = fake
        self.gate: Tollgate = fake.gate(**settings)
        self.app = FastAPI(lifespan=self.gate.lifespan)
        self.gate.install(self.app)
        self.ann = fake.add_user("ann@example.com", plan="free")

    async def call(
        self, method: str, path: str, credential: str | None = None, **more: Any
    ) -> Exchange:
        shown = self.ann.token if credential is None else credential
        return await call(self.app, method, path, shown, **more)

    async def until(self, used: int, reserved: int) -> None:
        async with asyncio.timeout(10):
            while self.fake.meter(self.ann) != (used, reserved):
                await asyncio.sleep(0)


@pytest.fixture
def shop(fake: FakeTollgate) -> Shop:
    return Shop(fake)


def refused(exchange: Exchange, status: int, code: str) -> dict[str, Any]:
    assert exchange.error is None, exchange.error
    assert exchange.status == status, exchange.body
    assert exchange.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = exchange.json()
    assert (problem["code"], problem["status"]) == (code, status)
    assert problem["title"] and problem["detail"] and problem["request_id"]
    assert problem["request_id"] == exchange.headers["x-request-id"]
    return problem


# --- settled by the real status -----------------------------------------------------------------


def outcomes(shop: Shop) -> None:
    app, guard = shop.app, Depends(shop.gate.consume_quota("dicom_processing", cost=1))

    @app.post("/status/{status}", dependencies=[guard])
    async def status(status: int, response: Response) -> str:
        response.status_code = status
        return "made"

    @app.post("/returned/{status}", dependencies=[guard])
    async def returned(status: int) -> Response:
        return JSONResponse({"made": False}, status_code=status)

    @app.post("/raised/{status}", dependencies=[guard])
    async def raised(status: int) -> None:
        raise HTTPException(status)

    @app.post("/waits/{status}", dependencies=[guard])
    def waits(status: int) -> Response:
        return Response(status_code=status)

    @app.post("/model", dependencies=[guard])
    async def model() -> int:
        return "not a number"  # type: ignore[return-value]

    @app.post("/bug", dependencies=[guard])
    async def bug() -> None:
        raise ZeroDivisionError

    @app.post("/redirect", dependencies=[guard])
    async def redirect() -> Response:
        return RedirectResponse("/elsewhere", 303)


@pytest.mark.parametrize("kind", ["status", "returned", "waits"])
@pytest.mark.parametrize("status", [200, 201, 204, 302])
async def test_below_400_is_charged(shop: Shop, kind: str, status: int) -> None:
    outcomes(shop)
    exchange = await shop.call("POST", f"/{kind}/{status}")
    assert exchange.status == status
    assert shop.fake.meter(shop.ann) == (1, 0)


@pytest.mark.parametrize("kind", ["status", "returned", "raised", "waits"])
@pytest.mark.parametrize("status", [400, 404, 422, 500, 503])
async def test_from_400_on_nothing_is_charged(shop: Shop, kind: str, status: int) -> None:
    outcomes(shop)
    exchange = await shop.call("POST", f"/{kind}/{status}")
    assert exchange.status == status
    assert shop.fake.meter(shop.ann) == (0, 0)
    assert ("POST", "/quota/release") in shop.fake.calls


@pytest.mark.parametrize("path", ["/bug", "/model"])
async def test_an_exception_gives_back(shop: Shop, path: str) -> None:
    outcomes(shop)
    exchange = await shop.call("POST", path)
    assert exchange.status == 500
    assert exchange.error is not None
    assert shop.fake.meter(shop.ann) == (0, 0)
    assert ("POST", "/quota/release") in shop.fake.calls


async def test_it_is_charged_before_the_answer_leaves(shop: Shop) -> None:
    seen: list[tuple[int, int]] = []
    outcomes(shop)

    async def outside(scope: Any, receive: Any, send: Any) -> None:
        async def watched(message: Any) -> None:
            seen.append(shop.fake.meter(shop.ann))
            await send(message)

        await shop.app(scope, receive, watched)

    exchange = await call(outside, "POST", "/status/200", shop.ann.token)
    assert exchange.status == 200
    assert seen[0] == (1, 0)


async def test_a_stream_is_charged_with_its_head(shop: Shop) -> None:
    @shop.app.get("/film")
    async def film(hold: Hold = Depends(shop.gate.consume_quota("film"))) -> Response:
        async def frames() -> Any:
            assert shop.fake.meter(shop.ann) == (1, 0)
            yield b"frame"
            raise ZeroDivisionError

        return StreamingResponse(frames())

    exchange = await shop.call("GET", "/film")
    assert (exchange.status, exchange.body) == (200, b"frame")
    assert shop.fake.meter(shop.ann) == (1, 0)


async def test_through_another_middleware(shop: Shop) -> None:
    outcomes(shop)

    async def timed(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        response.headers["x-timed"] = "yes"
        return response

    shop.app.add_middleware(BaseHTTPMiddleware, dispatch=timed)
    for path, status in (("/status/200", 200), ("/returned/500", 500), ("/raised/400", 400)):
        exchange = await shop.call("POST", path)
        assert (exchange.status, exchange.headers["x-timed"]) == (status, "yes")
    assert shop.fake.meter(shop.ann) == (1, 0)


async def test_the_answer_tells_the_meter(shop: Shop) -> None:
    outcomes(shop)
    exchange = await shop.call("POST", "/status/200")
    told = {k: v for k, v in exchange.headers.items() if k.startswith(("x-quota", "ratelimit"))}
    reset = told.pop("x-quota-reset")
    assert 0 < int(reset) <= 30 * 86_400
    assert told == {
        "x-quota-limit": "10",
        "x-quota-used": "1",
        "x-quota-remaining": "9",
        "ratelimit-policy": '"processing_count";q=10;w=2592000',
        "ratelimit": f'"processing_count";r=9;t={reset}',
    }
    exchange = await shop.call("POST", "/status/500")
    assert exchange.headers["x-quota-used"] == "1"
    assert exchange.headers["x-quota-remaining"] == "9"


async def test_unlimited_is_not_told(shop: Shop) -> None:
    outcomes(shop)
    bob = shop.fake.add_user("bob@example.com", plan="enterprise")
    exchange = await shop.call("POST", "/status/200", bob.token)
    assert exchange.status == 200
    assert not any(name.startswith("x-quota") for name in exchange.headers)
    assert shop.fake.meter(bob) == (1, 0)


# --- the client hangs up, the call is cancelled -------------------------------------------------


class Slow:
    """A handler that waits until it is let go, and says whether it was cancelled."""

    def __init__(self) -> None:
        self.begun, self.go = asyncio.Event(), asyncio.Event()
        self.cancelled = False

    async def __call__(self) -> None:
        self.begun.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise


def slow_route(shop: Shop, guard: Any) -> Slow:
    slow = Slow()

    @shop.app.post("/slow", dependencies=[guard])
    async def work() -> str:
        await slow()
        return "made"

    return slow


@pytest.mark.parametrize("body", [b"", b"x" * 10_000])
async def test_a_client_that_hangs_up_pays_nothing(shop: Shop, body: bytes) -> None:
    slow = slow_route(shop, Depends(shop.gate.consume_quota("dicom_processing")))
    exchange = Exchange()
    headers = {"authorization": f"Bearer {shop.ann.token}"}
    running = asyncio.create_task(exchange.run(shop.app, "POST", "/slow", headers, body))
    async with asyncio.timeout(10):
        await slow.begun.wait()
        assert shop.fake.meter(shop.ann) == (0, 1)
        exchange.hang_up()
        # Not awaited itself: running into the time limit would cancel it, which looks alike.
        await asyncio.wait({running}, timeout=5)
        assert running.done()
    assert slow.cancelled
    assert exchange.status is None
    assert exchange.error is None
    assert shop.fake.meter(shop.ann) == (0, 0)


async def test_one_that_hangs_up_while_units_are_taken(shop: Shop) -> None:
    slow = slow_route(shop, Depends(shop.gate.consume_quota("dicom_processing")))
    taking, go = asyncio.Event(), asyncio.Event()
    real = shop.gate.reserve

    async def reserve(*words: Any, **named: Any) -> Any:
        taking.set()
        await go.wait()
        return await real(*words, **named)

    shop.gate.reserve = reserve  # type: ignore[method-assign]
    exchange = Exchange()
    headers = {"authorization": f"Bearer {shop.ann.token}"}
    running = asyncio.create_task(exchange.run(shop.app, "POST", "/slow", headers))
    async with asyncio.timeout(10):
        await taking.wait()
        exchange.hang_up()
        # Not awaited itself: running into the time limit would cancel it, which looks alike.
        await asyncio.wait({running}, timeout=5)
        assert running.done()
        go.set()
        await shop.gate.aclose()
    assert not slow.begun.is_set()
    # They were taken after all, and given back.
    assert ("POST", "/quota/reserve") in shop.fake.calls
    assert shop.fake.meter(shop.ann) == (0, 0)


async def test_a_call_that_is_cancelled(shop: Shop) -> None:
    slow = slow_route(shop, Depends(shop.gate.consume_quota("dicom_processing")))
    running = asyncio.create_task(shop.call("POST", "/slow"))
    async with asyncio.timeout(10):
        await slow.begun.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert shop.fake.meter(shop.ann) == (0, 0)


async def test_a_time_limit_around_the_application(shop: Shop) -> None:
    slow = slow_route(shop, Depends(shop.gate.consume_quota("dicom_processing")))

    async def limited(scope: Any, receive: Any, send: Any) -> None:
        try:
            async with asyncio.timeout(0.05):
                await shop.app(scope, receive, send)
        except TimeoutError:
            await JSONResponse({}, 504)(scope, receive, send)

    exchange = await call(limited, "POST", "/slow", shop.ann.token)
    assert (exchange.status, slow.cancelled) == (504, True)
    assert shop.fake.meter(shop.ann) == (0, 0)


async def test_hanging_up_after_the_answer_changes_nothing(shop: Shop) -> None:
    done = asyncio.Event()

    @shop.app.post("/job")
    async def job(
        jobs: BackgroundTasks, hold: Hold = Depends(shop.gate.consume_quota("dicom_processing"))
    ) -> str:
        async def work() -> None:
            exchange.hang_up()
            for _ in range(20):
                await asyncio.sleep(0)
            done.set()

        jobs.add_task(work)
        return "made"

    exchange = Exchange()
    headers = {"authorization": f"Bearer {shop.ann.token}"}
    async with asyncio.timeout(10):
        await exchange.run(shop.app, "POST", "/job", headers)
    assert exchange.status == 200
    # The background task was not cancelled with the client.
    assert done.is_set()
    assert shop.fake.meter(shop.ann) == (1, 0)


async def test_a_body_arrives_whole(shop: Shop) -> None:
    @shop.app.post("/upload")
    async def upload(
        file: Annotated[UploadFile, File()],
        hold: Hold = Depends(shop.gate.consume_quota("dicom_processing")),
    ) -> int:
        return len(await file.read())

    @shop.app.post("/stream")
    async def stream(
        request: Request, hold: Hold = Depends(shop.gate.consume_quota("dicom_processing"))
    ) -> int:
        await asyncio.sleep(0.01)  # the watcher reads ahead
        return len(await request.body())

    size = 300_000
    form = (
        b'--b\r\ncontent-disposition: form-data; name="file"; filename="x"\r\n\r\n'
        + b"x" * size
        + b"\r\n--b--\r\n"
    )
    headers = {"content-type": "multipart/form-data; boundary=b"}
    exchange = await shop.call("POST", "/upload", body=form, headers=headers, chunks=7)
    assert (exchange.status, exchange.json()) == (200, size)
    exchange = await shop.call("POST", "/stream", body=b"x" * size, chunks=7)
    assert (exchange.status, exchange.json()) == (200, size)


# --- less, and later ----------------------------------------------------------------------------


@pytest.mark.parametrize(("made", "used"), [(1, 1), (3, 3), (5, 5)])
async def test_what_was_made_is_charged(shop: Shop, made: int, used: int) -> None:
    @shop.app.post("/batch")
    async def batch(
        hold: Hold = Depends(shop.gate.consume_quota("dicom_processing", cost=5)),
    ) -> str:
        assert shop.fake.meter(shop.ann) == (0, 5)
        hold.set_cost(made)
        return "made"

    assert (await shop.call("POST", "/batch")).status == 200
    assert shop.fake.meter(shop.ann) == (used, 0)


@pytest.mark.parametrize("made", [-1, 0, 6])
async def test_more_than_was_set_aside_is_422(shop: Shop, made: int) -> None:
    @shop.app.post("/batch")
    async def batch(
        hold: Hold = Depends(shop.gate.consume_quota("dicom_processing", cost=5)),
    ) -> str:
        hold.set_cost(made)
        return "made"

    problem = refused(await shop.call("POST", "/batch"), 422, "validation_failed")
    assert problem["errors"][0]["field"] == "/cost"
    assert shop.fake.meter(shop.ann) == (0, 0)


def jobs_of(shop: Shop) -> list[DeferredHold]:
    holds: list[DeferredHold] = []

    @shop.app.post("/later", status_code=202)
    async def later(
        hold: Hold = Depends(shop.gate.consume_quota("dicom_processing", cost=3)),
    ) -> str:
        holds.append(hold.defer())
        return "accepted"

    return holds


async def test_a_job_commits(shop: Shop) -> None:
    holds = jobs_of(shop)
    assert (await shop.call("POST", "/later")).status == 202
    assert shop.fake.meter(shop.ann) == (0, 3)
    settled = await holds[0].commit(2)
    assert settled is not None
    assert settled.charged == 2
    assert shop.fake.meter(shop.ann) == (2, 0)


async def test_a_job_releases(shop: Shop) -> None:
    holds = jobs_of(shop)
    await shop.call("POST", "/later")
    await holds[0].release()
    assert shop.fake.meter(shop.ann) == (0, 0)
    with pytest.raises(tollgate.ReservationSettled):
        await holds[0].commit()


async def test_a_job_with_a_block(shop: Shop) -> None:
    holds = jobs_of(shop)
    await shop.call("POST", "/later")
    async with holds[0]:
        pass
    assert shop.fake.meter(shop.ann) == (3, 0)
    await shop.call("POST", "/later")
    with pytest.raises(ZeroDivisionError):
        async with holds[1]:
            raise ZeroDivisionError
    assert shop.fake.meter(shop.ann) == (3, 0)


async def test_a_job_that_takes_longer(shop: Shop) -> None:
    holds = jobs_of(shop)
    await shop.call("POST", "/later")
    await holds[0].extend(3600)
    shop.fake.advance(1200)
    assert shop.fake.meter(shop.ann) == (0, 3)
    shop.fake.advance(3600)
    assert shop.fake.meter(shop.ann) == (0, 0)
    with pytest.raises(tollgate.ReservationSettled):
        await holds[0].commit()


async def test_a_failed_answer_leaves_a_deferred_hold_alone(shop: Shop) -> None:
    kept: list[DeferredHold] = []

    @shop.app.post("/later")
    async def later(hold: Hold = Depends(shop.gate.consume_quota("dicom_processing"))) -> None:
        kept.append(hold.defer())
        raise HTTPException(500)

    await shop.call("POST", "/later")
    assert shop.fake.meter(shop.ann) == (0, 1)
    await kept[0].commit()
    assert shop.fake.meter(shop.ann) == (1, 0)


async def test_dropped_unsettled_it_is_given_back(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    holds = jobs_of(shop)
    await shop.call("POST", "/later")
    assert shop.fake.meter(shop.ann) == (0, 3)
    with caplog.at_level(logging.WARNING, "tollgate"):
        holds.clear()
        gc.collect()
        await shop.until(0, 0)
    assert "dropped unsettled" in caplog.text


async def test_background_tasks_defer(shop: Shop) -> None:
    seen: list[tuple[int, int]] = []

    @shop.app.post("/job")
    async def job(
        works: bool,
        jobs: BackgroundTasks,
        hold: Hold = Depends(shop.gate.consume_quota("dicom_processing")),
    ) -> str:
        jobs.add_task(work, hold.defer(), works)
        return "accepted"

    async def work(hold: DeferredHold, works: bool) -> None:
        seen.append(shop.fake.meter(shop.ann))
        if works:
            await hold.commit()
        else:
            await hold.release()

    for works, used in ((True, 1), (False, 1)):
        await shop.call("POST", f"/job?works={works}")
        assert shop.fake.meter(shop.ann) == (used, 0)
    # Not settled by the answer, which had left.
    assert seen == [(0, 1), (1, 1)]


# --- who may ------------------------------------------------------------------------------------


def routes(shop: Shop) -> None:
    gate, app = shop.gate, shop.app

    @app.get("/me")
    async def me(user: User = Depends(gate.get_current_user)) -> str:
        return user.email

    @app.get("/maybe")
    async def maybe(user: User | None = Depends(gate.get_optional_user)) -> str | None:
        return user.email if user else None

    @app.get("/reports")
    async def reports(
        subscription: Subscription = Depends(gate.require_subscription(plan="pro")),
    ) -> str:
        return subscription.plan.slug

    @app.get("/any")
    async def any_plan(subscription: Subscription = Depends(gate.require_subscription())) -> str:
        return subscription.plan.slug

    @app.get("/ops")
    async def ops(user: User = Depends(gate.require_permission("admin"))) -> str:
        return user.email

    @app.get("/metered", dependencies=[Depends(gate.consume_quota("dicom_processing"))])
    async def metered() -> str:
        return "made"


async def test_a_person(shop: Shop) -> None:
    routes(shop)
    for credential in (shop.ann.token, shop.ann.key):
        assert (await shop.call("GET", "/me", credential)).json() == "ann@example.com"
    exchange = await shop.call("GET", "/me", "", headers={"x-api-key": shop.ann.key})
    assert exchange.json() == "ann@example.com"


@pytest.mark.parametrize("path", ["/me", "/reports", "/any", "/ops", "/metered"])
async def test_nobody(shop: Shop, path: str) -> None:
    routes(shop)
    exchange = await shop.call("GET", path, "")
    refused(exchange, 401, "unauthenticated")
    assert exchange.headers["www-authenticate"] == "Bearer"


async def test_optional(shop: Shop) -> None:
    routes(shop)
    assert (await shop.call("GET", "/maybe", "")).json() is None
    assert (await shop.call("GET", "/maybe")).json() == "ann@example.com"
    refused(await shop.call("GET", "/maybe", "nonsense"), 401, "unauthenticated")


async def test_credentials_that_are_not_good(shop: Shop) -> None:
    routes(shop)
    over = shop.fake.token_for(shop.ann, seconds=-60)
    exchange = await shop.call("GET", "/me", over)
    refused(exchange, 401, "token_expired")
    assert exchange.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    refused(await shop.call("GET", "/me", "sk_" + "test_nobody"), 401, "api_key_invalid")
    both = {"x-api-key": shop.ann.key}
    refused(await shop.call("GET", "/me", headers=both), 400, "two_credentials")
    basic = {"authorization": "Basic YTpi"}
    refused(await shop.call("GET", "/me", "", headers=basic), 401, "unauthenticated")
    refused(await shop.call("GET", "/me", shop.fake.service_key), 403, "permission_denied")


async def test_plans(shop: Shop) -> None:
    routes(shop)
    nobody = shop.fake.add_user("nil@example.com")
    for path in ("/reports", "/any"):
        problem = refused(await shop.call("GET", path, nobody.token), 402, "subscription_required")
        assert problem["upgrade_url"] == "http://tollgate.invalid/payments/plans"
    refused(await shop.call("GET", "/reports"), 402, "plan_required")
    assert (await shop.call("GET", "/any")).json() == "free"
    # A purchase counts at once, whatever was believed.
    shop.ann.plan = shop.fake.plans["pro"]
    assert (await shop.call("GET", "/reports")).json() == "pro"
    before = len(shop.fake.calls)
    assert (await shop.call("GET", "/reports")).json() == "pro"
    assert len(shop.fake.calls) == before


async def test_permissions_are_asked_every_time(shop: Shop) -> None:
    routes(shop)
    refused(await shop.call("GET", "/ops"), 403, "permission_denied")
    shop.ann.permissions = ("admin",)
    assert (await shop.call("GET", "/ops")).status == 200
    shop.ann.permissions = ()
    refused(await shop.call("GET", "/ops"), 403, "permission_denied")
    # The key of a member of staff is not the member of staff.
    shop.ann.permissions = ("admin",)
    refused(await shop.call("GET", "/ops", shop.ann.key), 403, "permission_denied")


async def test_a_limited_key(shop: Shop) -> None:
    routes(shop)
    quota = shop.fake.key_for(shop.ann, scopes=("quota",))
    usage = shop.fake.key_for(shop.ann, scopes=("usage",))
    assert (await shop.call("GET", "/metered", quota)).status == 200
    refused(await shop.call("GET", "/metered", usage), 403, "permission_denied")
    for path in ("/me", "/any"):
        refused(await shop.call("GET", path, quota), 403, "permission_denied")

    @shop.app.get("/scoped")
    async def scoped(user: User = Depends(shop.gate.current_user(scope="usage"))) -> str:
        return user.email

    assert (await shop.call("GET", "/scoped", usage)).status == 200
    refused(await shop.call("GET", "/scoped", quota), 403, "permission_denied")


async def test_at_the_limit(shop: Shop) -> None:
    routes(shop)
    for _ in range(10):
        assert (await shop.call("GET", "/metered")).status == 200
    exchange = await shop.call("GET", "/metered")
    problem = refused(exchange, 429, "quota_exceeded")
    assert problem["instance"] == "/metered"
    assert problem["quota"]["remaining"] == 0
    assert problem["upgrade_url"]
    assert int(exchange.headers["retry-after"]) > 0
    assert exchange.headers["x-quota-remaining"] == "0"
    assert shop.fake.meter(shop.ann) == (10, 0)
    assert shop.fake.calls.count(("POST", "/quota/reserve")) == 11


async def test_a_forged_name_changes_nothing(shop: Shop) -> None:
    routes(shop)
    bob = shop.fake.add_user("bob@example.com", plan="pro")
    forged = {"x-auth-user-id": bob.id, "x-auth-token": bob.token}
    refused(await shop.call("GET", "/me", "", headers=forged), 401, "unauthenticated")
    await shop.call("GET", "/metered", headers=forged)
    assert (shop.fake.meter(shop.ann), shop.fake.meter(bob)) == ((1, 0), (0, 0))


async def test_words_in_two_languages(shop: Shop) -> None:
    routes(shop)
    for asked, title in (("en-GB,en", "Not signed in"), ("zh-CN", "需要登录"), ("", "需要登录")):
        exchange = await shop.call("GET", "/me", "", headers={"accept-language": asked})
        assert refused(exchange, 401, "unauthenticated")["title"] == title


async def test_what_was_not_installed_is_told(fake: FakeTollgate) -> None:
    gate, app = fake.gate(), FastAPI()
    ann = fake.add_user("ann@example.com", plan="free")

    @app.get("/metered", dependencies=[Depends(gate.consume_quota("dicom_processing"))])
    async def metered() -> str:
        return "made"

    @app.get("/me")
    async def me(user: User = Depends(gate.get_current_user)) -> str:
        return user.email

    exchange = await call(app, "GET", "/metered", ann.token)
    assert exchange.status == 500
    assert "gate.install(app)" in str(exchange.error)
    # The others work, in FastAPI's own words.
    assert (await call(app, "GET", "/me", ann.token)).json() == "ann@example.com"
    exchange = await call(app, "GET", "/me")
    assert (exchange.status, exchange.headers["www-authenticate"]) == (401, "Bearer")
    assert list(exchange.json()) == ["detail"]
    await gate.aclose()


# --- the service is away ------------------------------------------------------------------------


async def test_away_is_503(shop: Shop) -> None:
    routes(shop)
    assert (await shop.call("GET", "/me")).status == 200
    shop.fake.down = True
    exchange = await shop.call("GET", "/metered")
    refused(exchange, 503, "unavailable")
    assert exchange.headers["retry-after"] == "1"
    assert shop.gate.let_through == 0
    stranger = shop.fake.add_user("bob@example.com", plan="free")
    refused(await shop.call("GET", "/me", stranger.key), 503, "unavailable")


async def test_let_through_uncharged(fake: FakeTollgate, caplog: pytest.LogCaptureFixture) -> None:
    shop = Shop(fake, on_unavailable="allow")
    routes(shop)
    holds = jobs_of(shop)
    assert (await shop.call("GET", "/metered")).status == 200
    fake.down = True
    with caplog.at_level(logging.WARNING, "tollgate"):
        for _ in range(2):
            assert (await shop.call("GET", "/metered")).status == 200
        assert (await shop.call("POST", "/later")).status == 202
    assert shop.gate.let_through == 3
    assert "let through uncharged, 3 so far" in caplog.text
    assert await holds[0].commit() is None
    # Who somebody is, is never guessed.
    refused(await shop.call("GET", "/metered", ""), 401, "unauthenticated")
    refused(await shop.call("GET", "/metered", "sk_" + "test_x"), 503, "unavailable")
    refused(await shop.call("GET", "/ops"), 503, "unavailable")
    stranger = fake.add_user("bob@example.com", plan="free")
    # A token says by itself whose it is; what they may, it does not say.
    assert (await shop.call("GET", "/metered", stranger.token)).status == 200
    refused(await shop.call("GET", "/me", stranger.token), 503, "unavailable")
    fake.down = False
    assert fake.meter(shop.ann) == (1, 0)
    # Out of units is out of units, also at an open gate.
    for _ in range(9):
        await shop.call("GET", "/metered")
    refused(await shop.call("GET", "/metered"), 429, "quota_exceeded")


async def test_it_goes_away_during_the_work(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("tollgate.fastapi.hold.ANSWER_WAITS", 0.05)

    @shop.app.post("/work")
    async def work(hold: Hold = Depends(shop.gate.consume_quota("dicom_processing"))) -> str:
        shop.fake.down = True
        return "made"

    with caplog.at_level(logging.WARNING, "tollgate"):
        exchange = await shop.call("POST", "/work")
    # The answer did not wait for ever, and is charged when the service is back.
    assert exchange.status == 200
    assert "is not settled yet" in caplog.text
    assert shop.fake.meter(shop.ann) == (0, 1)
    # Three tries are one call of the client; the fourth shows that settling goes on.
    async with asyncio.timeout(10):
        while shop.fake.calls.count(("POST", "/quota/commit")) < 4:
            await asyncio.sleep(0.01)
    shop.fake.down = False
    await shop.gate.aclose()
    assert shop.fake.meter(shop.ann) == (1, 0)


# --- the plain call, and decorators -------------------------------------------------------------


async def test_the_plain_call(shop: Shop) -> None:
    gate = shop.gate

    @shop.app.post("/two-ways")
    async def two_ways(current_user: User = Depends(gate.get_current_user)) -> str:
        await gate.consume_quota(current_user.id, "dicom_processing", cost=1)
        usage = await gate.quota.consume_quota(current_user.id, "dicom_processing", cost=2)
        return usage.usage_id

    assert (await shop.call("POST", "/two-ways")).status == 200
    assert shop.fake.meter(shop.ann) == (3, 0)
    shop.ann.used = 9
    refused(await shop.call("POST", "/two-ways"), 429, "quota_exceeded")


async def test_decorators(shop: Shop) -> None:
    gate, app = shop.gate, shop.app

    @app.post("/process/{patient_name}/{study_date}")
    @gate.require_auth
    @gate.consume_quota(resource_type="dicom_processing", cost=1)
    async def process_case(current_user: User, patient_name: str, study_date: str) -> str:
        """Processes a case."""
        return f"{current_user.email} {patient_name} {study_date}"

    @app.get("/plain")
    @gate.require_auth
    def plain(page: int = 1) -> int:
        return page

    @app.get("/reports")
    @gate.require_subscription(plan="pro")
    @gate.require_auth
    async def reports(current_user) -> str:  # type: ignore[no-untyped-def]
        return str(current_user.email)

    @app.get("/ops")
    @gate.require_permission("admin")
    async def ops() -> str:
        return "ok"

    @app.post("/batch")
    @gate.consume_quota("dicom_processing", 5)
    async def batch(hold: Hold, made: Made) -> int:
        hold.set_cost(made.number)
        return made.number

    path = "/process/wang/2026-01-02"
    assert (await shop.call("POST", path)).json() == "ann@example.com wang 2026-01-02"
    assert shop.fake.meter(shop.ann) == (1, 0)
    refused(await shop.call("POST", path, ""), 401, "unauthenticated")
    assert (await shop.call("GET", "/plain?page=7")).json() == 7
    refused(await shop.call("GET", "/plain", ""), 401, "unauthenticated")
    refused(await shop.call("GET", "/reports"), 402, "plan_required")
    refused(await shop.call("GET", "/ops"), 403, "permission_denied")
    json_body = {"body": b'{"number":2}', "headers": {"content-type": "application/json"}}
    assert (await shop.call("POST", "/batch", **json_body)).json() == 2
    assert shop.fake.meter(shop.ann) == (3, 0)
    shop.ann.plan, shop.ann.permissions = shop.fake.plans["pro"], ("admin",)
    assert (await shop.call("GET", "/reports")).json() == "ann@example.com"
    assert (await shop.call("GET", "/ops")).json() == "ok"


class Made(BaseModel):
    number: int


async def test_openapi_shows_what_a_caller_sends(shop: Shop) -> None:
    gate, app = shop.gate, shop.app

    @app.post("/process/{patient_name}")
    @gate.require_auth
    @gate.consume_quota(resource_type="dicom_processing", cost=1)
    async def process_case(current_user: User, patient_name: str, made: Made) -> str:
        """Processes a case."""
        return ""

    @app.get("/health")
    async def health() -> str:
        return "ok"

    document = app.openapi()
    operation = document["paths"]["/process/{patient_name}"]["post"]
    assert [p["name"] for p in operation["parameters"]] == ["patient_name"]
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/Made"}
    assert operation["operationId"].startswith("process_case")
    assert operation["description"] == "Processes a case."
    # The Authorize button: a bearer, or a key.
    assert {"Tollgate": []} in operation["security"]
    assert {"Tollgate API key": []} in operation["security"]
    schemes = document["components"]["securitySchemes"]
    assert schemes["Tollgate"]["scheme"] == "bearer"
    assert schemes["Tollgate API key"] == {"type": "apiKey", "in": "header", "name": "X-API-Key"}
    assert "security" not in document["paths"]["/health"]["get"]
    assert "tollgate_guard" not in str(document)


async def test_a_guard_in_the_wrong_place(shop: Shop) -> None:
    class View:
        methods = ("GET",)

        def __call__(self) -> None: ...

    with pytest.raises(TypeError, match="under the route decorator"):
        shop.gate.require_auth(View())
    with pytest.raises(TypeError, match="kwargs"):

        @shop.gate.require_auth
        async def anything(**values: Any) -> None: ...

    for wrong in (lambda: shop.gate.consume_quota("", 1), lambda: shop.gate.consume_quota("x", 0)):
        with pytest.raises(ValueError, match="cost of 1"):
            wrong()
    with pytest.raises(ValueError, match="name a plan"):
        shop.gate.require_subscription([])


async def test_without_a_service_key(fake: FakeTollgate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOLLGATE_SERVICE_KEY", raising=False)
    gate, app = Tollgate(fake.url, transport=fake.transport), FastAPI()
    gate.install(app)
    ann = fake.add_user("ann@example.com", plan="free")
    bob = fake.add_user("bob@example.com", plan="free")

    @app.post("/hold", dependencies=[Depends(gate.consume_quota("dicom_processing"))])
    async def hold() -> None: ...

    @app.post("/charge/{user_id}")
    async def charge(user_id: str, current_user: User = Depends(gate.get_current_user)) -> None:
        await gate.consume_quota(user_id, "dicom_processing", cost=1)

    exchange = await call(app, "POST", "/hold", ann.token)
    assert exchange.status == 500
    assert "TOLLGATE_SERVICE_KEY is missing" in str(exchange.error)
    # The plain call is made with the person's own credential, and for nobody else.
    assert (await call(app, "POST", f"/charge/{ann.id}", ann.token)).status == 200
    exchange = await call(app, "POST", f"/charge/{bob.id}", ann.token)
    assert "TOLLGATE_SERVICE_KEY is missing" in str(exchange.error)
    assert (fake.meter(ann), fake.meter(bob)) == ((1, 0), (0, 0))
    await gate.aclose()
