import assert from "node:assert/strict";
import { test } from "node:test";

import { Tollgate, consumeQuota, requirePermission, requireSubscription } from "tollgate";
import type { Credential, Settings } from "tollgate";

import { answering, json } from "./answers.js";

test("mistakes in the settings show at once", () => {
  const url = "http://tollgate.test";
  for (const [settings, message] of [
    [{ url: "tollgate" }, /Invalid URL/],
    [{ url: "ftp://tollgate.test" }, /neither http nor https/],
    [{ url: "http://tollgate.test/?a=1" }, /without a query/],
    [{ url, timeoutMs: 0 }, /timeoutMs/],
    [{ url, keyCacheSeconds: -1 }, /keyCacheSeconds/],
    [{ url, onUnavailable: "maybe" }, /onUnavailable/],
    [{ url, serviceKey: "" }, /empty/],
    [{ url, apiKey: "a", accessToken: "b" }, /not several/],
  ] as const) {
    assert.throws(() => new Tollgate(settings as Settings & Credential), message);
  }
});

test("mistakes at a guard show at once", () => {
  const host = new Tollgate({ url: "http://tollgate.test", serviceKey: "x" });
  assert.throws(() => consumeQuota(new Tollgate({ url: "http://tollgate.test" }), "film"), /service key/);
  for (const cost of [0, -1, 1.5, Number.NaN]) assert.throws(() => consumeQuota(host, "film", { cost }), RangeError);
  for (const plans of [[], "", ["pro", ""], "pro,free"]) assert.throws(() => requireSubscription(host, plans), TypeError);
  assert.throws(() => requirePermission(host, ""), TypeError);
});

test("a service under a path, in a language, by each kind of credential", async () => {
  const { tollgate, asked } = answering([json(200, {}), json(200, {}), json(200, {}), json(200, {}), json(200, {})], {
    url: "http://tollgate.test/billing/",
    language: "zh",
    serviceKey: "s",
  });
  await tollgate.auth.me();
  await tollgate.as({ apiKey: "k" }).auth.me();
  await tollgate.as({ accessToken: () => Promise.resolve("t") }).auth.me({ expand: "subscription" });
  await tollgate.as({}).auth.me(undefined, { language: "en" });
  await tollgate.auth.login({ username: "ann", password: "x" });
  const seen = asked.map(({ url, headers }) => [
    url.pathname + url.search,
    headers.get("authorization"),
    headers.get("x-api-key"),
    headers.get("accept-language"),
  ]);
  assert.deepEqual(seen, [
    ["/billing/auth/me", "Bearer s", null, "zh"],
    ["/billing/auth/me", null, "k", "zh"],
    ["/billing/auth/me?expand=subscription", "Bearer t", null, "zh"],
    ["/billing/auth/me", null, null, "en"],
    ["/billing/auth/login", null, null, "zh"],
  ]);
});

test("lists end at the last page, and never go round in a circle", async () => {
  const row = (id: string) => ({ id });
  const { tollgate, asked } = answering([
    json(200, { data: [row("c"), row("b")], has_more: true, next_cursor: "b" }),
    json(200, { data: [row("a")], has_more: true, next_cursor: "b" }),
  ]);
  const ids: string[] = [];
  for await (const { id } of tollgate.usage.logs({ resource_type: ["film", "x-ray"], limit: 2 })) ids.push(id);
  assert.deepEqual(ids, ["c", "b", "a"]);
  assert.deepEqual(
    asked.map((one) => one.url.search),
    ["?resource_type=film&resource_type=x-ray&limit=2", "?resource_type=film&resource_type=x-ray&limit=2&starting_after=b"],
  );
});

test("a walk that is left asks for no further page", async () => {
  const { tollgate, asked } = answering([json(200, { data: [{ id: "b" }], has_more: true, next_cursor: "b" })]);
  for await (const row of tollgate.payments.transactions()) {
    assert.equal(row.id, "b");
    break;
  }
  assert.equal(asked.length, 1);
});
