import assert from "node:assert/strict";
import { createHmac, randomBytes } from "node:crypto";
import { test } from "node:test";

import { WebhookRefused, webhooks } from "tollgate";

const secretOf = (bytes: Buffer): string => ["whsec", bytes.toString("base64")].join("_");
const OURS = randomBytes(24);
const SECRET = secretOf(OURS);
const BODY = '{"type":"payment.completed","timestamp":"2026-11-23T12:00:00.000Z","data":{"amount":"99.00","名":"片"}}';

function signed(
  body: string,
  { at = Math.floor(Date.now() / 1000), id = "e-1", keys = [OURS] }: { at?: number | string; id?: string; keys?: Buffer[] } = {},
): Record<string, string> {
  const signatures = keys.map((key) => `v1,${createHmac("sha256", key).update(`${id}.${at}.${body}`).digest("base64")}`);
  return { "webhook-id": id, "webhook-timestamp": String(at), "webhook-signature": signatures.join(" ") };
}

test("a genuine event is read, from any form of body and headers", async () => {
  const headers = signed(BODY);
  const shouted = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]));
  const bytes = new TextEncoder().encode(BODY);
  for (const body of [BODY, bytes, bytes.buffer, Buffer.from(BODY)]) {
    for (const given of [headers, shouted, new Headers(headers)]) {
      const event = await webhooks.verify(body, given, SECRET);
      assert.deepEqual([event.id, event.type, event.data], ["e-1", "payment.completed", { amount: "99.00", 名: "片" }]);
    }
  }
});

test("while a secret is exchanged, both sign and either verifies", async () => {
  const next = randomBytes(24);
  const headers = signed(BODY, { keys: [OURS, next] });
  for (const secrets of [SECRET, secretOf(next), [secretOf(randomBytes(24)), secretOf(next)]]) {
    assert.equal((await webhooks.verify(BODY, headers, secrets)).type, "payment.completed");
  }
});

test("whatever was touched is refused", async () => {
  const headers = signed(BODY);
  const now = Math.floor(Date.now() / 1000);
  const good = headers["webhook-signature"] ?? "";
  for (const [what, body, given] of [
    ["another body", BODY.replace("99", "09"), headers],
    ["another id", BODY, { ...headers, "webhook-id": "e-2" }],
    ["another time", BODY, { ...headers, "webhook-timestamp": String(now + 1) }],
    ["another secret", BODY, signed(BODY, { keys: [randomBytes(24)] })],
    ["another version", BODY, { ...headers, "webhook-signature": good.replace("v1,", "v2,") }],
    ["no version", BODY, { ...headers, "webhook-signature": good.replace("v1,", "") }],
    ["a part of the signature", BODY, { ...headers, "webhook-signature": good.slice(0, -6) }],
    ["an empty signature", BODY, { ...headers, "webhook-signature": "v1," }],
    ["no signature", BODY, { ...headers, "webhook-signature": "" }],
    ["no id", BODY, { "webhook-timestamp": String(now), "webhook-signature": good }],
    ["no time", BODY, signed(BODY, { at: "soon" })],
    ["a time in another notation", BODY, signed(BODY, { at: `${now}.0` })],
    ["five minutes ago", BODY, signed(BODY, { at: now - 302 })],
    ["in five minutes", BODY, signed(BODY, { at: now + 302 })],
    ["a signed text that is no event", "[]", signed("[]")],
    ["a signed text that is no JSON", "{", signed("{")],
  ] as const) {
    await assert.rejects(webhooks.verify(body, given as Record<string, string>, SECRET), WebhookRefused, what);
  }
});

test("the time may be as far off as is said", async () => {
  const headers = signed(BODY, { at: Math.floor(Date.now() / 1000) - 500 });
  assert.ok(await webhooks.verify(BODY, headers, SECRET, { toleranceSeconds: 600 }));
  await assert.rejects(webhooks.verify(BODY, headers, SECRET, { toleranceSeconds: 400 }), WebhookRefused);
  await assert.rejects(webhooks.verify(BODY, signed(BODY), SECRET, { toleranceSeconds: Number.NaN }), WebhookRefused);
});

test("mistakes of the receiver are told as such, not as a forgery", async () => {
  const headers = signed(BODY);
  await assert.rejects(webhooks.verify(BODY, headers, []), TypeError);
  await assert.rejects(webhooks.verify(BODY, headers, ""), TypeError);
  await assert.rejects(webhooks.verify(BODY, headers, "whsec_"), TypeError);
  await assert.rejects(webhooks.verify(JSON.parse(BODY) as never, headers, SECRET), /as it came/);
});
