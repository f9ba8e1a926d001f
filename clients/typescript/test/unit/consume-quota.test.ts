// What only a platform without a lasting process, or a service that stumbles, brings about.
import assert from "node:assert/strict";
import { test } from "node:test";

import { consumeQuota } from "tollgate";

import { answering, json, problem } from "./answers.js";
import type { Answer } from "./answers.js";

const verified = json(200, { valid: true, subject_type: "api_key", user: { id: "ann" }, permissions: [] });
const quota = { quota_type: "calls", limit: 10, used: 0, reserved: 1, remaining: 9, resets_at: "2099-01-01T00:00:00.000Z" };
const reserved = (seconds = 600): Answer =>
  json(201, { reservation_id: "h-1", units: 1, quota, expires_at: new Date(Date.now() + seconds * 1000).toISOString() });
const settled = json(200, { reservation_id: "h-1", charged: 1, usage_id: "u-1", quota: { ...quota, used: 1, reserved: 0 } });
const away = problem(500, "internal");
const request = (signal?: AbortSignal): Request =>
  new Request("http://host.test/film", { headers: { "x-api-key": "a" }, ...(signal === undefined ? {} : { signal }) });

test("a charge that does not succeed at once is tried again until it does; the platform is kept awake for it", async () => {
  const { tollgate, asked } = answering([verified, reserved(), away, away, settled], { serviceKey: "s" });
  const kept: Promise<void>[] = [];
  const waitUntil = (work: Promise<void>, context: { name: string }): void => {
    assert.equal(context.name, "worker");
    kept.push(work);
  };
  const film = consumeQuota(tollgate, "film", { waitUntil })(() => new Response("done"));
  const response = await film(request(), { name: "worker" });
  assert.equal(response.headers.get("x-quota-used"), "1");
  await Promise.all(kept);
  assert.equal(kept.length, 1);
  assert.deepEqual(
    asked.slice(2).map((one) => [one.url.pathname, one.body]),
    Array.from({ length: 3 }, () => ["/quota/commit", '{"reservation_id":"h-1"}']),
  );
});

test("an answer does not wait longer than two seconds for its charge", async () => {
  const late: Answer = async (asked, signal) => {
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    return await settled(asked, signal);
  };
  const { tollgate } = answering([verified, reserved(), late], { serviceKey: "s" });
  const kept: Promise<void>[] = [];
  const waitUntil = (work: Promise<void>): void => void kept.push(work);
  const begun = performance.now();
  const response = await consumeQuota(tollgate, "film", { waitUntil })(() => new Response("done"))(request(), undefined);
  const took = performance.now() - begun;
  assert.ok(took > 1_900 && took < 2_900, `${took} ms`);
  assert.equal(response.headers.get("x-quota-remaining"), "9", "as it stood before");
  await Promise.all(kept);
  assert.ok(performance.now() - begun > 2_990);
});

test("what can no longer be charged is told, and not tried for ever", async () => {
  const told: Record<string, unknown>[] = [];
  const log = (_message: string, details: Record<string, unknown>): void => void told.push(details);
  for (const failures of [[problem(409, "reservation_settled")], [away, away]]) {
    const { tollgate, asked } = answering([verified, reserved(0.6), ...failures], { serviceKey: "s", log });
    const response = await consumeQuota(tollgate, "film")(() => new Response("done"))(request(), undefined);
    assert.equal(response.status, 200);
    assert.equal(asked.length, 2 + failures.length);
  }
  assert.deepEqual(told.map((one) => [one["reservation_id"], one["ending"]]), [["h-1", "commit"], ["h-1", "commit"]]);
});

test("a signal that ends before the handler is asked for gives the units back", async () => {
  const { tollgate, asked } = answering([verified, reserved(), settled], { serviceKey: "s" });
  const reason = new Error("the page was left");
  let isServed = false;
  const film = consumeQuota(tollgate, "film")(() => {
    isServed = true;
    return new Response("done");
  });
  await assert.rejects(film(request(AbortSignal.abort(reason)), undefined), reason);
  assert.equal(isServed, false);
  assert.equal(asked[2]?.url.pathname, "/quota/release");
});

test("an answer that was fetched elsewhere, and cannot be changed, still tells how the meter stands", async () => {
  const { tollgate } = answering([verified, reserved(), settled], { serviceKey: "s" });
  const film = consumeQuota(tollgate, "film")(() => fetch("data:text/plain,film"));
  const response = await film(request(), undefined);
  assert.deepEqual([await response.text(), response.headers.get("x-quota-used")], ["film", "1"]);
});

test("the units are set aside for whom the credential names, and as long as is said", async () => {
  const { tollgate, asked } = answering([verified, reserved(), settled], { serviceKey: "s" });
  await consumeQuota(tollgate, "film", { cost: 3, holdSeconds: 60 })((_request, _context, { hold }) => {
    hold.setCost(2);
    return new Response("done");
  })(request(), {});
  const reserve = asked[1];
  assert.equal(reserve?.headers.get("authorization"), "Bearer s");
  assert.deepEqual(JSON.parse(reserve?.body ?? ""), { user_id: "ann", resource_type: "film", cost: 3, ttl_seconds: 60 });
  assert.deepEqual(JSON.parse(asked[2]?.body ?? ""), { reservation_id: "h-1", cost: 2 });
});
