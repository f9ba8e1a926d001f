"""The clients against the real service: a purchase, units, lists, refusals."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from town import PASSWORD, Person, Server, Town

import tollgate
from tollgate import AsyncClient, Client


def test_a_purchase_and_what_it_gives(town: Town) -> None:
    person = town.register()
    with Client(town.url, access_token=person.token, language="en") as client:
        with pytest.raises(tollgate.SubscriptionRequired) as refused:
            client.quota.consume("dicom_processing")
        assert refused.value.upgrade_url
        with pytest.raises(tollgate.NoSubscription):
            client.payments.current()
        quote = client.payments.quote("pro")
        assert (quote.kind, quote.amount, quote.currency) == ("begin", Decimal("99.00"), "CNY")
        transaction_id = town.buy_pro(person)
        current = client.payments.current()
        assert (current.plan.slug, current.status, current.quota_remaining) == (
            "pro",
            "active",
            1000,
        )
        assert current.is_entitled
        (paid,) = client.transactions.list()
        assert (paid.id, paid.amount, paid.status) == (
            transaction_id,
            Decimal("99.00"),
            "completed",
        )
        assert client.transactions.get(paid.id) == paid
        usage = client.quota.consume("dicom_processing", 2, resource_id="case-1")
        assert usage.quota.remaining == 998
        (row,) = client.usage.logs()
        assert (row.id, row.quota_cost, row.resource_id) == (usage.usage_id, 2, "case-1")
        summary = client.usage.summary()
        assert (summary.quota.used, summary.today, summary.by_resource[0].quota_cost) == (2, 2, 2)
        lines = client.usage.timeseries(interval="day", from_=datetime.now(UTC) - timedelta(days=1))
        assert sum(point.quota_cost for point in lines.series[0].points) == 2
        explained = client.usage.explain("dicom_processing")
        assert explained.agrees
        assert sum(step.units or 0 for step in explained.steps) == explained.quota.remaining == 998
        assert [change.kind for change in client.payments.history()] == ["activated"]
        assert client.payments.cancel(reason="done").cancel_at_period_end
        assert not client.payments.resume().cancel_at_period_end
        again = client.payments.renew("alipay")
        assert again.transaction is not None
        assert again.transaction.amount == Decimal("99.00")
        with pytest.raises(tollgate.PermissionDenied):
            client.payments.refund(paid.id, reason="mine")
    with Client(town.url, access_token=town.admin) as staff:
        back = staff.payments.refund(paid.id, reason="tests", amount=Decimal("30.00"))
        assert (back.status, back.amount) == ("succeeded", Decimal("30.00"))
        with pytest.raises(tollgate.ValidationFailed) as beyond:
            staff.payments.refund(paid.id, reason="tests", amount="99.00")
        assert beyond.value.code == "refund_exceeds_payment"


def test_units_are_held_and_settled(
    town: Town, service_key: str, buyer: Callable[..., Person]
) -> None:
    person = buyer(10)
    with Client(town.url, service_key=service_key) as client:
        quota = client.quota
        hold = quota.reserve("dicom_processing", 5, user_id=person.id, ttl_seconds=60)
        assert (hold.units, hold.quota.reserved, person.meter()) == (5, 5, (0, 5))
        assert quota.extend(hold.reservation_id, 120).expires_at > hold.expires_at
        settled = quota.commit(hold.reservation_id, cost=2)
        assert (settled.charged, person.meter()) == (2, (2, 0))
        assert quota.commit(hold.reservation_id, cost=2) == settled
        with pytest.raises(tollgate.ReservationSettled):
            quota.release(hold.reservation_id)
        other = quota.reserve("dicom_processing", user_id=person.id)
        assert quota.release(other.reservation_id).charged == 0
        assert settled.usage_id is not None
        assert quota.refund(settled.usage_id, reason="tests").units == 2
        assert person.meter() == (0, 0)
        assert quota.check("dicom_processing", 10, user_id=person.id).allowed
        over = quota.check("dicom_processing", 11, user_id=person.id)
        assert (over.allowed, over.code) == (False, "quota_exceeded")
        with pytest.raises(tollgate.QuotaExceeded) as refused:
            quota.consume_quota(person.id, "dicom_processing", cost=11)
        assert (refused.value.quota["remaining"], refused.value.status) == (10, 429)
        assert refused.value.retry_after is not None
        assert refused.value.request_id
        assert [row.quota_cost for row in client.usage.logs(user_id=person.id)] == [-2, 2]
        assert client.usage.explain(user_id=person.id).user_id == person.id


def test_the_same_key_is_the_same_charge(town: Town, buyer: Callable[..., Person]) -> None:
    person = buyer(10)
    with Client(town.url, api_key=person.key) as client:
        first = client.quota.consume("dicom_processing", idempotency_key="job-1")
        assert client.quota.consume("dicom_processing", idempotency_key="job-1") == first
        with pytest.raises(tollgate.ValidationFailed) as reused:
            client.quota.consume("dicom_processing", 2, idempotency_key="job-1")
    assert reused.value.code == "idempotency_key_reused"
    assert person.meter() == (1, 0)


def test_who_somebody_is(town: Town, service_key: str, buyer: Callable[..., Person]) -> None:
    person = buyer(10)
    with Client(town.url, service_key=service_key) as client:
        for credential, kind in ((person.token, "user"), (person.key, "api_key")):
            told = client.auth.verify(credential, resource_type="dicom_processing", cost=10)
            assert (told.user.id, told.subject_type) == (person.id, kind)
            with pytest.raises(tollgate.PlanRequired):
                client.auth.verify(credential, plan=["pro", "enterprise"])
            with pytest.raises(tollgate.PermissionDenied):
                client.auth.verify(credential, permission="admin")
            with pytest.raises(tollgate.QuotaExceeded):
                client.auth.verify(credential, resource_type="dicom_processing", cost=11)
        assert client.auth.introspect(person.token).sub == person.id
        assert client.auth.introspect("nothing").active is False
        with pytest.raises(tollgate.Unauthenticated):
            client.auth.verify("nothing")
        assert person.meter() == (0, 0)


def test_an_account(town: Town) -> None:
    with Client(town.url) as client:
        with pytest.raises(tollgate.ValidationFailed) as weak:
            client.auth.register("weak@example.com", "weak", "short")
        assert weak.value.errors
        person = town.register()
        with pytest.raises(tollgate.Conflict) as taken:
            client.auth.register(person.email, "another-name", PASSWORD)
        assert taken.value.code == "email_taken"
        with pytest.raises(tollgate.Unauthenticated) as wrong:
            client.auth.login(person.email, "wrong")
        assert wrong.value.code == "invalid_credentials"
        tokens = client.auth.login(person.email, PASSWORD)
        assert PASSWORD not in repr(tokens)
        assert tokens.access_token not in repr(tokens)
        newer = client.auth.refresh(tokens.refresh_token)
        mine = client.acting_as(newer.access_token)
        assert mine.auth.me().email == person.email
        made = mine.auth.create_api_key("second", scopes=["quota"])
        assert made.key and made.key not in repr(made)
        other = mine.auth.rotate_api_key(made.id, overlap_seconds=0)
        assert other.rotated_from == made.id
        mine.auth.delete_api_key(other.id)
        assert [key.name for key in mine.auth.api_keys() if key.is_active] == ["tests"]
        mine.auth.change_password(PASSWORD, PASSWORD + "!")
        mine.auth.logout()
        with pytest.raises(tollgate.Unauthenticated):
            mine.auth.me()


def test_a_list_pages_by_itself(town: Town, buyer: Callable[..., Person]) -> None:
    person = buyer(100)
    with Client(town.url, api_key=person.key) as client:
        charged = [client.quota.consume("dicom_processing").usage_id for _ in range(7)]
        logs = client.usage.logs(limit=3)
        assert [len(page.data) for page in logs.pages()] == [3, 3, 1]
        assert [row.id for row in logs] == charged[::-1]


@pytest.mark.anyio
async def test_the_twin(town: Town, buyer: Callable[..., Person]) -> None:
    person = buyer(100)
    async with AsyncClient(town.url, api_key=person.key) as client:
        charged = [(await client.quota.consume("dicom_processing")).usage_id for _ in range(5)]
        assert [row.id async for row in client.usage.logs(limit=2)] == charged[::-1]
        plans = [plan.slug async for plan in client.payments.plans()]
        assert {"free", "pro", "enterprise"} <= set(plans)
        other = client.acting_as(person.token)
        assert (await other.auth.me()).id == person.id
        with pytest.raises(tollgate.QuotaExceeded):
            await client.quota.consume("dicom_processing", 96)


def test_both_clients_have_the_same_methods() -> None:
    def methods(client: object) -> dict[str, list[str]]:
        areas = ("auth", "payments", "transactions", "quota", "usage")
        return {
            area: [name for name in dir(getattr(client, area)) if not name.startswith("_")]
            for area in areas
        }

    now, awaited = methods(Client("http://s")), methods(AsyncClient("http://s"))
    assert now == awaited
    assert sum(map(len, now.values())) > 40


def test_the_language_is_asked_for(town: Town) -> None:
    words = {}
    for language in ("en", "zh"):
        with Client(town.url, language=language) as client, pytest.raises(tollgate.NotFound) as no:
            client.payments.plan("nothing")
        words[language] = no.value.problem["title"]
    assert words == {"en": "Not found", "zh": "未找到"}


def test_a_service_that_is_away(program: str, tmp_path: Path) -> None:
    server = Server(program, tmp_path)
    with Client(server.url, retries=1) as client:
        begun = time.monotonic()
        with pytest.raises(tollgate.Unavailable) as away:
            list(client.payments.plans())
        assert (away.value.status, away.value.code) == (None, "unavailable")
        assert time.monotonic() - begun < 5
        server.start()
        try:
            assert len(list(client.payments.plans())) == 3
        finally:
            server.stop()
