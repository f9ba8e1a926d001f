import assert from "node:assert/strict";
import { test } from "node:test";

import * as tollgateModule from "tollgate";
import { TollgateError, Unavailable, ValidationFailed } from "tollgate";

import { answering, json, problem } from "./answers.js";

for (const [status, code, kind] of [
  [400, "two_credentials", "BadRequest"],
  [401, "token_expired", "Unauthenticated"],
  [402, "subscription_required", "SubscriptionRequired"],
  [402, "plan_required", "PlanRequired"],
  [403, "confirmation_required", "PermissionDenied"],
  [404, "no_subscription", "NotFound"],
  [409, "email_taken", "Conflict"],
  [415, "unsupported_media_type", "TollgateError"],
  [422, "weak_password", "ValidationFailed"],
  [429, "quota_exceeded", "QuotaExceeded"],
  [429, "a_code_of_tomorrow", "RateLimited"],
  [500, "internal", "Unavailable"],
] as const) {
  test(`${status} ${code} is a ${kind}`, async () => {
    const { tollgate } = answering([problem(status, code)]);
    await assert.rejects(tollgate.auth.me(), (error) => {
      assert.ok(error instanceof TollgateError);
      assert.equal(error.constructor, tollgateModule[kind]);
      assert.deepEqual(
        [error.name, error.code, error.status, error.requestId, error.message, error.problem?.title],
        [kind, code, status, "r-1", `told: ${code}`, code],
      );
      return true;
    });
  });
}

test("what is wrong is told field by field", async () => {
  const errors = [{ field: "/email", code: "invalid_email", detail: "not an address" }];
  const { tollgate } = answering([problem(422, "validation_failed", {}, { errors })]);
  await assert.rejects(tollgate.auth.login({ password: "x" }), (error) => {
    assert.ok(error instanceof ValidationFailed);
    assert.deepEqual(error.errors, errors);
    return true;
  });
});

test("a page of something else is not taken for an answer", async () => {
  const page = (status: number) => () => new Response("<h1>sign in</h1>", { status, headers: { "x-request-id": "r-2" } });
  for (const [status, kind] of [[200, "Unavailable"], [302, "Unavailable"], [404, "NotFound"]] as const) {
    const { tollgate } = answering([page(status), page(status), page(status)]);
    await assert.rejects(tollgate.auth.me(), (error) => {
      assert.ok(error instanceof TollgateError);
      assert.deepEqual([error.name, error.requestId, error.problem], [kind, "r-2", undefined]);
      return true;
    });
  }
});

test("a connection that fails keeps its cause, and names no secret", async () => {
  const cause = new TypeError("connect ECONNREFUSED");
  const fail = () => Promise.reject(cause);
  const serviceKey = ["sk", "test", "abc"].join("_");
  const { tollgate } = answering([fail, fail, fail], { serviceKey });
  await assert.rejects(tollgate.usage.summary(), (error) => {
    assert.ok(error instanceof Unavailable);
    assert.equal(error.cause, cause);
    assert.ok(!error.message.includes(serviceKey));
    assert.match(error.message, /^http:\/\/tollgate\.test cannot be reached/);
    return true;
  });
});

test("an answer without a body is nothing", async () => {
  const { tollgate } = answering([() => new Response(null, { status: 204 })]);
  assert.equal(await tollgate.auth.logout(), undefined);
});

test("fields that are not known yet are kept", async () => {
  const { tollgate } = answering([json(200, { id: "1", of_tomorrow: true })]);
  assert.deepEqual(await tollgate.auth.me(), { id: "1", of_tomorrow: true });
});
