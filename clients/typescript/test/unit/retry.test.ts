import assert from "node:assert/strict";
import { test } from "node:test";

import { Conflict, ProviderFailed, QuotaExceeded, RateLimited, Unavailable, ValidationFailed } from "tollgate";

import { answering, json, problem, refused, silent } from "./answers.js";
import type { Answer } from "./answers.js";

const CONSUMED = { usage_id: "u-1", quota: {} };
const done = json(200, CONSUMED);
const call = { resource_type: "film" };

for (const [what, failure] of Object.entries<Answer>({
  "a connection that fails": refused,
  "409 idempotency_in_progress": problem(409, "idempotency_in_progress"),
  "429 rate_limited": problem(429, "rate_limited"),
  "502": problem(502, "provider_error"),
  "503": problem(503, "unavailable"),
  "504 of a proxy": () => new Response("<h1>late</h1>", { status: 504 }),
})) {
  test(`${what} is tried twice more, as the same wish`, async () => {
    const { tollgate, asked } = answering([failure, failure, done]);
    assert.deepEqual(await tollgate.quota.consume(call), CONSUMED);
    assert.equal(asked.length, 3);
    const keys = new Set(asked.map((one) => one.headers.get("idempotency-key")));
    assert.equal(keys.size, 1);
    assert.match([...keys][0] ?? "", /^[0-9a-f]{32}$/);
    assert.ok(new Set(asked.map((one) => one.body)).size === 1);
    const [first, second, third] = asked.map((one) => one.at);
    assert.ok((second ?? 0) - (first ?? 0) >= 95, "the first pause is a tenth of a second at least");
    assert.ok((third ?? 0) - (second ?? 0) >= 195, "the second pause is twice as long");
  });

  test(`${what} is told when it does not pass`, async () => {
    const { tollgate, asked } = answering([failure, failure, failure]);
    const kinds = [Unavailable, Conflict, RateLimited, ProviderFailed];
    await assert.rejects(tollgate.quota.consume(call), (error) => kinds.some((kind) => error instanceof kind));
    assert.equal(asked.length, 3);
  });
}

for (const [status, code, kind] of [
  [429, "quota_exceeded", QuotaExceeded],
  [422, "validation_failed", ValidationFailed],
  [409, "reservation_settled", Conflict],
  [500, "internal", Unavailable],
] as const) {
  test(`${status} ${code} is not tried again`, async () => {
    const { tollgate, asked } = answering([problem(status, code, { "retry-after": "0" }), done]);
    await assert.rejects(tollgate.quota.consume(call), kind);
    assert.equal(asked.length, 1);
  });
}

test("Retry-After is waited for", async () => {
  const { tollgate, asked } = answering([problem(429, "rate_limited", { "retry-after": "1" }), done]);
  await tollgate.quota.consume(call);
  assert.ok((asked[1]?.at ?? 0) - (asked[0]?.at ?? 0) >= 995);
});

test("a Retry-After beyond the call's time is told at once, not slept through", async () => {
  const { tollgate, asked } = answering([problem(429, "rate_limited", { "retry-after": "60" }), done]);
  const begun = performance.now();
  await assert.rejects(tollgate.quota.consume(call), (error) => {
    assert.ok(error instanceof RateLimited);
    assert.equal(error.retryAfterSeconds, 60);
    return true;
  });
  assert.ok(performance.now() - begun < 1_000);
  assert.equal(asked.length, 1);
});

test("a registration whose answer is lost is not sent twice", async () => {
  const account = { email: "ann@example.com", username: "ann", password: "plum orchard lantern 7" };
  const lost = answering([refused, done]);
  await assert.rejects(lost.tollgate.auth.register(account), Unavailable);
  assert.equal(lost.asked.length, 1);
  const busy = answering([problem(503, "unavailable"), done]);
  await busy.tollgate.auth.register(account);
  assert.equal(busy.asked.length, 2);
});

test("each wish has a key of its own, or the one that it is given; a GET has none", async () => {
  const { tollgate, asked } = answering([done, done, done, json(200, {})]);
  await tollgate.quota.consume(call);
  await tollgate.quota.consume(call);
  await tollgate.quota.consume(call, { idempotencyKey: "job-1" });
  await tollgate.usage.summary();
  const [first, second, third, fourth] = asked.map((one) => one.headers.get("idempotency-key"));
  assert.ok(first && second && first !== second);
  assert.deepEqual([third, fourth], ["job-1", null]);
});

test("silence ends with the call's time, as Unavailable", async () => {
  const { tollgate, asked } = answering([silent], { timeoutMs: 150 });
  await assert.rejects(tollgate.usage.summary(), (error) => {
    assert.ok(error instanceof Unavailable);
    assert.deepEqual([error.code, error.status, error.problem], ["unavailable", 503, undefined]);
    assert.match(error.message, /did not answer within 150 ms/);
    return true;
  });
  assert.equal(asked.length, 1);
});

test("a call that waits for a payment has that much more time", async () => {
  const late: Answer = async () => {
    await new Promise((resolve) => setTimeout(resolve, 400));
    return new Response(JSON.stringify({ status: "completed" }));
  };
  const { tollgate } = answering([late], { timeoutMs: 100 });
  assert.equal((await tollgate.payments.status("t-1", { wait: 1 })).status, "completed");
});

test("a signal ends a call under way, a pause and one that has not begun, with its own reason", async () => {
  const reason = new Error("the page was left");
  for (const answers of [[silent], [problem(503, "unavailable", { "retry-after": "5" })]]) {
    const controller = new AbortController();
    const { tollgate, asked } = answering(answers);
    const ended = assert.rejects(tollgate.usage.summary({ signal: controller.signal }), reason);
    setTimeout(() => controller.abort(reason), 50);
    const begun = performance.now();
    await ended;
    assert.ok(performance.now() - begun < 2_000);
    assert.equal(asked.length, 1);
  }
  const { tollgate, asked } = answering([]);
  await assert.rejects(tollgate.usage.summary({ signal: AbortSignal.abort(reason) }), reason);
  assert.equal(asked.length, 0);
});
