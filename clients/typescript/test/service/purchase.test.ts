import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Conflict, NotFound, QuotaExceeded, SubscriptionRequired, Tollgate, Unauthenticated, ValidationFailed } from "tollgate";

import { ADMIN, Service, meter } from "./service.js";

const RESOURCE = "dicom_processing";
let service: Service;

before(async () => {
  service = await Service.start();
});
after(() => service?.stop());

test("somebody registers, buys on the sandbox, spends to the last unit and is refused the next", async () => {
  const buyer = await service.buyer();
  const key = new Tollgate({ url: service.url, apiKey: await service.apiKey(buyer) });
  await assert.rejects(key.quota.consume({ resource_type: RESOURCE }), (error) => {
    assert.ok(error instanceof SubscriptionRequired);
    assert.equal(error.code, "subscription_required");
    assert.ok(error.upgradeUrl?.startsWith(service.url));
    return true;
  });
  await assert.rejects(buyer.tollgate.payments.current(), (error) => {
    assert.ok(error instanceof NotFound);
    assert.equal(error.code, "no_subscription");
    return true;
  });

  const plans = await service.client().payments.plans();
  assert.deepEqual(plans.map((plan) => plan.slug).sort(), ["enterprise", "free", "pro"]);
  assert.equal((await service.client().payments.plan("pro")).quota_limit, 1000);
  const quote = await buyer.tollgate.payments.quote({ plan_slug: "pro" });
  assert.equal(quote.amount, "99.00");

  const order = await buyer.tollgate.payments.subscribe({ plan_slug: "pro", payment_method: "alipay", client: "pc" });
  assert.equal(order.subscription, null);
  assert.ok(order.transaction);
  await service.payByPhone(order);
  const paid = await buyer.tollgate.payments.status(order.transaction.id, { wait: 25 });
  assert.equal(paid.status, "completed");
  const current = await buyer.tollgate.payments.current();
  assert.equal(current.plan.slug, "pro");
  assert.equal(current.quota_remaining, 1000);

  const most = await key.quota.consume({ resource_type: RESOURCE, cost: 998 });
  assert.equal(most.quota.remaining, 2);
  const job = { idempotencyKey: "job-1" };
  const first = await key.quota.consume({ resource_type: RESOURCE, resource_id: "a" }, job);
  const again = await key.quota.consume({ resource_type: RESOURCE, resource_id: "a" }, job);
  assert.equal(again.usage_id, first.usage_id);
  await assert.rejects(key.quota.consume({ resource_type: RESOURCE, resource_id: "b" }, job), (error) => {
    assert.ok(error instanceof ValidationFailed);
    assert.equal(error.code, "idempotency_key_reused");
    return true;
  });
  assert.equal((await key.quota.consume({ resource_type: RESOURCE })).quota.remaining, 0);
  await assert.rejects(key.quota.consume({ resource_type: RESOURCE }), (error) => {
    assert.ok(error instanceof QuotaExceeded);
    assert.equal(error.status, 429);
    assert.equal(error.quota?.remaining, 0);
    assert.ok(error.retryAfterSeconds !== undefined && error.retryAfterSeconds > 24 * 60 * 60);
    assert.ok(error.requestId);
    return true;
  });
  const verdict = await key.quota.check({ resource_type: RESOURCE });
  assert.deepEqual([verdict.allowed, verdict.code], [false, "quota_exceeded"]);

  assert.equal((await key.usage.summary()).quota.used, 1000);
  const kinds = (await key.usage.explain()).steps.map((step) => step.kind);
  assert.deepEqual(kinds, ["plan", "use", "use", "use"]);
  const [line] = (await key.usage.timeseries({ interval: "day" })).series;
  assert.equal(line?.points.reduce((sum, point) => sum + point.quota_cost, 0), 1000);

  const { token, tollgate: admin } = await service.admin();
  await service.post("/auth/confirm", token, { current_password: ADMIN.password });
  const refund = await admin.payments.refund(order.transaction.id, { amount: "30.00", reason: "half-hearted" });
  assert.deepEqual([refund.status, refund.amount], ["succeeded", "30.00"]);
});

test("a cancel is taken back before the end", async () => {
  const buyer = await service.buyer();
  const order = await buyer.tollgate.payments.subscribe({ plan_slug: "pro", payment_method: "alipay", client: "pc" });
  await service.payByPhone(order);
  await buyer.tollgate.payments.status(order.transaction?.id ?? "", { wait: 25 });
  assert.equal((await buyer.tollgate.payments.cancel({ reason: "too dear" })).status, "cancelled");
  assert.equal((await buyer.tollgate.payments.resume()).status, "active");
  const further = await buyer.tollgate.payments.renew({ payment_method: "alipay", client: "pc" });
  assert.deepEqual([order.transaction?.purpose, further.transaction?.purpose], ["subscription", "renewal"]);
});

test("lists are walked page by page, each row once", async () => {
  const buyer = await service.subscriber();
  for (let call = 0; call < 5; call += 1) {
    await buyer.tollgate.quota.consume({ resource_type: RESOURCE, resource_id: String(call) });
  }
  const logged: (string | null | undefined)[] = [];
  for await (const row of buyer.tollgate.usage.logs({ limit: 2 })) logged.push(row.resource_id);
  assert.deepEqual(logged, ["4", "3", "2", "1", "0"]);

  const wishes = [];
  for (const amount of ["1.00", "2.00", "3.00"]) {
    const wish = { amount, currency: "CNY", payment_method: "alipay", description: "A printed report", client: "pc" };
    wishes.unshift((await buyer.tollgate.payments.create(wish)).transaction?.id);
  }
  const listed: string[] = [];
  for await (const row of buyer.tollgate.payments.transactions({ limit: 1 })) listed.push(row.id);
  assert.deepEqual(listed, wishes);
  assert.equal((await buyer.tollgate.payments.transaction(listed[0] ?? "")).amount, "3.00");
});

test("a host sets units aside, and settles each once", async () => {
  const buyer = await service.subscriber();
  const host = new Tollgate({ url: service.url, serviceKey: await service.serviceKey() });
  const wish = { user_id: buyer.id, resource_type: RESOURCE, cost: 4 };
  const { reservation_id } = await host.quota.reserve(wish);
  assert.deepEqual(await meter(buyer), { used: 0, reserved: 4, remaining: 6 });
  const moved = await host.quota.extend({ reservation_id, ttl_seconds: 7200 });
  assert.ok(Date.parse(moved.expires_at) > Date.now() + 3600_000);
  const settled = await host.quota.commit({ reservation_id, cost: 3 });
  assert.equal(settled.charged, 3);
  assert.deepEqual(await meter(buyer), { used: 3, reserved: 0, remaining: 7 });
  await assert.rejects(host.quota.release({ reservation_id }), (error) => {
    assert.ok(error instanceof Conflict);
    assert.equal(error.code, "reservation_settled");
    return true;
  });
  const back = await host.quota.refund({ usage_id: settled.usage_id ?? "", reason: "a bad picture" });
  assert.equal(back.units, 3);
  const other = await host.quota.reserve(wish);
  await host.quota.release({ reservation_id: other.reservation_id });
  assert.deepEqual(await meter(buyer), { used: 0, reserved: 0, remaining: 10 });
});

test("sign-ins: who it is, what a token is good for, and that it ends", async () => {
  const buyer = await service.subscriber();
  const host = new Tollgate({ url: service.url, serviceKey: await service.serviceKey() });
  const me = await buyer.tollgate.auth.me({ expand: "subscription" });
  assert.deepEqual([me.id, me.subscription?.plan.slug], [buyer.id, "free"]);
  const verified = await buyer.tollgate.auth.verify({ resource_type: RESOURCE, cost: "2" });
  assert.deepEqual([verified.valid, verified.plan, verified.quota?.remaining], [true, "free", 10]);
  const told = await host.auth.introspect({ token: buyer.token });
  assert.ok(told.active && "sub" in told);
  assert.equal(told.sub, buyer.id);

  const identified = await host.auth.identify(new Headers({ authorization: `Bearer ${buyer.token}` }));
  assert.deepEqual([identified.caller.kind, identified.caller.userId], ["user", buyer.id]);
  const key = await service.apiKey(buyer, ["usage"]);
  const byKey = await host.auth.identify(new Headers({ "x-api-key": key }));
  assert.deepEqual([byKey.caller.kind, byKey.caller.userId, byKey.caller.scopes], ["api_key", buyer.id, ["usage"]]);
  const [head, body] = buyer.token.split(".");
  const forged = `${head}.${body}.${"A".repeat(512)}`;
  await assert.rejects(host.auth.identify(new Headers({ authorization: `Bearer ${forged}` })), Unauthenticated);

  const tokens = await service.client().auth.login({ email: buyer.account.email, password: buyer.account.password });
  const next = await service.client().auth.refresh({ refresh_token: tokens.refresh_token });
  assert.notEqual(next.refresh_token, tokens.refresh_token);
  await service.client().as({ accessToken: next.access_token }).auth.logout();
  assert.deepEqual(await host.auth.introspect({ token: next.access_token }), { active: false });
});

for (const algorithm of ["ES256", "EdDSA", "HS256"]) {
  test(`access tokens by ${algorithm} identify their bearer`, async () => {
    const other = await Service.start({ JWT_ALGORITHM: algorithm });
    try {
      const buyer = await other.buyer();
      const host = new Tollgate({ url: other.url });
      const found = await host.auth.identify(new Headers({ authorization: `Bearer ${buyer.token}` }));
      assert.deepEqual([found.caller.kind, found.caller.userId], ["user", buyer.id]);
      const [head, body, signature] = buyer.token.split(".");
      const first = signature?.startsWith("A") === true ? "B" : "A";
      const altered = `${head}.${body}.${first}${signature?.slice(1)}`;
      await assert.rejects(host.auth.identify(new Headers({ authorization: `Bearer ${altered}` })), Unauthenticated);
    } finally {
      await other.stop();
    }
  });
}
