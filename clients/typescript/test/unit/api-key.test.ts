import assert from "node:assert/strict";
import { test } from "node:test";

import { BadRequest, Unauthenticated } from "tollgate";

import { answering, json, problem } from "./answers.js";

const verified = (id: string, more: object = {}) =>
  json(200, { valid: true, subject_type: "api_key", user: { id }, api_key_id: `key-of-${id}`, permissions: [], scopes: null, ...more });
const key = (value: string): Headers => new Headers({ "x-api-key": value });

test("a key is asked for once in thirty seconds, also when it comes many times at once", async (context) => {
  let now = 1_700_000_000_000;
  context.mock.method(Date, "now", () => now);
  const { tollgate, asked } = answering([verified("ann"), verified("ann"), verified("bob")]);
  const found = await Promise.all(Array.from({ length: 10 }, () => tollgate.auth.identify(key("a"))));
  assert.deepEqual(new Set(found.map((one) => one.caller.userId)), new Set(["ann"]));
  assert.equal(asked.length, 1);
  now += 29_999;
  await tollgate.auth.identify(key("a"));
  assert.equal(asked.length, 1);
  now += 1;
  await tollgate.auth.identify(key("a"));
  assert.equal(asked.length, 2);
  assert.equal((await tollgate.auth.identify(key("b"))).caller.apiKeyId, "key-of-bob");
});

test("it is not believed beyond its own end", async (context) => {
  let now = 1_700_000_000_000;
  context.mock.method(Date, "now", () => now);
  const ends = verified("ann", { expires_at: new Date(now + 10_000).toISOString() });
  const { tollgate } = answering([ends, problem(401, "api_key_expired")]);
  await tollgate.auth.identify(key("a"));
  now += 10_000;
  await assert.rejects(tollgate.auth.identify(key("a")), Unauthenticated);
});

test("a no is never remembered, nor anything when told not to", async () => {
  const { tollgate, asked } = answering([problem(401, "api_key_invalid"), verified("ann")]);
  await assert.rejects(tollgate.auth.identify(key("a")), Unauthenticated);
  assert.equal((await tollgate.auth.identify(key("a"))).caller.userId, "ann");
  assert.equal(asked.length, 2);
  const each = answering([verified("ann"), verified("ann")], { keyCacheSeconds: 0 });
  await each.tollgate.auth.identify(key("a"));
  await each.tollgate.auth.identify(key("a"));
  assert.equal(each.asked.length, 2);
});

test("the memory is bounded", async () => {
  const many = 10_001;
  const answers = Array.from({ length: many + 2 }, () => verified("ann"));
  const { tollgate, asked } = answering(answers);
  for (let number = 0; number < many; number += 1) await tollgate.auth.identify(key(`k${number}`));
  await tollgate.auth.identify(key(`k${many - 1}`));
  assert.equal(asked.length, many);
  await tollgate.auth.identify(key("k0"));
  assert.equal(asked.length, many + 1, "the oldest was forgotten");
});

test("a key goes on in the header that it came in, with the address when it is given", async () => {
  const { tollgate, asked } = answering([verified("ann"), verified("ann"), verified("ann")], { serviceKey: "s" });
  await tollgate.auth.identify(key(" brought along "));
  await tollgate.auth.identify(new Headers({ authorization: "bearer  abc" }), { clientAddress: "203.0.113.7" });
  await tollgate.auth.identify(new Headers({ authorization: "Bearer abc" }), { clientAddress: "203.0.113.8" });
  assert.deepEqual(
    asked.map(({ headers }) => [headers.get("x-api-key"), headers.get("authorization"), headers.get("x-forwarded-for")]),
    [
      ["brought along", null, null],
      [null, "Bearer abc", "203.0.113.7"],
      [null, "Bearer abc", "203.0.113.8"],
    ],
  );
});

test("nobody, somebody of another scheme, and two at once", async () => {
  const { tollgate, asked } = answering([]);
  await assert.rejects(tollgate.auth.identify(new Headers()), Unauthenticated);
  await assert.rejects(tollgate.auth.identify(new Headers({ authorization: "Basic abc" })), Unauthenticated);
  await assert.rejects(tollgate.auth.identify(new Headers({ authorization: "Bearer " })), Unauthenticated);
  await assert.rejects(tollgate.auth.identify(new Headers({ authorization: "Bearer a", "x-api-key": "b" })), BadRequest);
  assert.equal(asked.length, 0);
});
