import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { test } from "node:test";

import { Tollgate, Unauthenticated, Unavailable } from "tollgate";
import type { Settings } from "tollgate";

import { json, refused } from "./answers.js";
import type { Answer } from "./answers.js";

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const rsaOther = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const ed = generateKeyPairSync("ed25519");
const ISSUER = "https://pay.example";

const published = (key: KeyObject, kid: string, alg?: string): object => ({
  ...key.export({ format: "jwk" }),
  kid,
  use: "sig",
  ...(alg === undefined ? {} : { alg }),
});
const KEYS = [published(rsa.publicKey, "r", "RS256"), published(ec.publicKey, "e", "ES256"), published(ed.publicKey, "d", "EdDSA")];

const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const seconds = (): number => Math.floor(Date.now() / 1000);
const claims = (more: object = {}): object => ({
  sub: "user-1", type: "access", iss: ISSUER, aud: "tollgate", iat: seconds(), exp: seconds() + 900, ...more,
});

function token(header: object, body: object, by: KeyObject, algorithm = "RS256"): string {
  const text = `${encoded({ typ: "at+jwt", alg: algorithm, ...header })}.${encoded(body)}`;
  const signature =
    algorithm === "ES256"
      ? sign("sha256", Buffer.from(text), { key: by, dsaEncoding: "ieee-p1363" })
      : sign(algorithm === "EdDSA" ? null : "sha256", Buffer.from(text), by);
  return `${text}.${signature.toString("base64url")}`;
}

/** A service that publishes keys, and counts how often it is asked for them. */
function publishing(keys: () => object[] | "away", settings: Partial<Settings> = {}) {
  const asked = { keys: 0, metadata: 0, verify: 0 };
  const answer = (path: string): Answer => {
    if (path === "/.well-known/oauth-authorization-server") {
      asked.metadata += 1;
      return json(200, { issuer: ISSUER });
    }
    if (path === "/auth/verify") {
      asked.verify += 1;
      return json(200, { valid: true, subject_type: "user", user: { id: "asked" }, permissions: [] });
    }
    assert.equal(path, "/auth/.well-known/jwks.json");
    asked.keys += 1;
    const now = keys();
    return now === "away" ? refused : json(200, { keys: now });
  };
  const fake = async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const call = { at: 0, method: "GET", url: new URL(String(input)), headers: new Headers(init.headers), body: "" };
    return await answer(call.url.pathname)(call, init.signal as AbortSignal);
  };
  const tollgate = new Tollgate({ url: "http://inside.test", fetch: fake, ...settings });
  const identify = async (text: string): Promise<string> =>
    (await tollgate.auth.identify(new Headers({ authorization: `Bearer ${text}` }))).caller.userId;
  return { asked, identify };
}

test("tokens by each kind of key are verified without asking the service about them", async () => {
  const { asked, identify } = publishing(() => KEYS);
  assert.equal(await identify(token({ kid: "r" }, claims(), rsa.privateKey)), "user-1");
  assert.equal(await identify(token({ kid: "e" }, claims(), ec.privateKey, "ES256")), "user-1");
  assert.equal(await identify(token({ kid: "d" }, claims({ aud: ["other", "tollgate"] }), ed.privateKey, "EdDSA")), "user-1");
  assert.deepEqual(asked, { keys: 1, metadata: 1, verify: 0 });
});

test("a key without a word on its algorithm is for its kind's", async () => {
  const { identify } = publishing(() => [published(ec.publicKey, "e")]);
  assert.equal(await identify(token({ kid: "e" }, claims(), ec.privateKey, "ES256")), "user-1");
});

test("whatever is not right about a token refuses it", async () => {
  const { asked, identify } = publishing(() => [...KEYS, published(rsaOther.publicKey, "p", "PS256")]);
  const good = token({ kid: "r" }, claims(), rsa.privateKey);
  const [head, , signature] = good.split(".");
  const pem = rsa.publicKey.export({ type: "spki", format: "pem" });
  const confused = `${encoded({ typ: "at+jwt", alg: "HS256", kid: "r" })}.${encoded(claims())}`;
  const cases: Record<string, string> = {
    "another's signature": token({ kid: "r" }, claims(), rsaOther.privateKey),
    "other claims": `${head}.${encoded(claims({ sub: "user-2" }))}.${signature}`,
    "no signature": `${good.split(".", 2).join(".")}.`,
    "alg none": `${encoded({ typ: "at+jwt", alg: "none", kid: "r" })}.${encoded(claims())}.`,
    "the public key as a secret": `${confused}.${createHmac("sha256", pem).update(confused).digest("base64url")}`,
    "an algorithm that is another key's": token({ kid: "r", alg: "ES256" }, claims(), rsa.privateKey),
    "a key for another algorithm": token({ kid: "p" }, claims(), rsaOther.privateKey),
    "no name of a key": token({}, claims(), rsa.privateKey),
    "another type": token({ kid: "r", typ: "JWT" }, claims(), rsa.privateKey),
    "no type": token({ kid: "r", typ: undefined }, claims(), rsa.privateKey),
    "critical members": token({ kid: "r", crit: ["b64"], b64: false }, claims(), rsa.privateKey),
    "a refresh token": token({ kid: "r" }, claims({ type: "refresh" }), rsa.privateKey),
    "another issuer": token({ kid: "r" }, claims({ iss: "https://evil.example" }), rsa.privateKey),
    "another audience": token({ kid: "r" }, claims({ aud: "other" }), rsa.privateKey),
    "no audience": token({ kid: "r" }, claims({ aud: undefined }), rsa.privateKey),
    "no subject": token({ kid: "r" }, claims({ sub: "" }), rsa.privateKey),
    "no end": token({ kid: "r" }, claims({ exp: undefined }), rsa.privateKey),
    "an end in words": token({ kid: "r" }, claims({ exp: "never" }), rsa.privateKey),
    "not yet": token({ kid: "r" }, claims({ nbf: seconds() + 60 }), rsa.privateKey),
  };
  for (const [what, text] of Object.entries(cases)) {
    await assert.rejects(identify(text), (error) => {
      assert.ok(error instanceof Unauthenticated, `${what}: ${error}`);
      assert.equal(error.code, "unauthenticated", what);
      return true;
    });
  }
  await assert.rejects(identify(token({ kid: "r" }, claims({ exp: seconds() - 10 }), rsa.privateKey)), (error) => {
    assert.ok(error instanceof Unauthenticated);
    assert.equal(error.code, "token_expired");
    return true;
  });
  assert.equal(asked.verify, 0);
  assert.equal(await identify(good), "user-1");
});

test("an unknown key is looked for once a minute, whoever asks", async (context) => {
  let now = 1_000_000;
  context.mock.method(performance, "now", () => now);
  let keys = KEYS.slice(1);
  const { asked, identify } = publishing(() => keys);
  const unknown = token({ kid: "r" }, claims(), rsa.privateKey);
  await Promise.all(Array.from({ length: 20 }, () => assert.rejects(identify(unknown), Unauthenticated)));
  assert.equal(asked.keys, 2);
  keys = KEYS;
  now += 59_000;
  await assert.rejects(identify(unknown), Unauthenticated);
  assert.equal(asked.keys, 2);
  now += 1_001;
  assert.equal(await identify(unknown), "user-1");
  assert.equal(asked.keys, 3);
});

test("keys are read anew after five minutes; while the service is away the last ones do, for an hour", async (context) => {
  let now = 1_000_000;
  context.mock.method(performance, "now", () => now);
  let keys: object[] | "away" = KEYS;
  const { asked, identify } = publishing(() => keys, { timeoutMs: 50 });
  const good = token({ kid: "r" }, claims(), rsa.privateKey);
  await identify(good);
  now += 299_000;
  await identify(good);
  assert.equal(asked.keys, 1);
  keys = "away";
  now += 2_000;
  assert.equal(await identify(good), "user-1");
  const failed = asked.keys;
  assert.ok(failed > 1);
  assert.equal(await identify(good), "user-1");
  assert.equal(asked.keys, failed, "callers do not each wait for a service that is away");
  now += 3_600_000;
  await assert.rejects(identify(good), Unavailable);
  keys = KEYS.slice(1);
  await assert.rejects(identify(good), Unauthenticated, "a key that was taken back verifies nothing");
});

test("where no keys are published, the service is asked about a token", async () => {
  const { asked, identify } = publishing(() => []);
  assert.equal(await identify(token({ kid: "r" }, claims(), rsa.privateKey)), "asked");
  assert.equal(asked.verify, 1);
});

test("an issuer of the settings is not asked for", async () => {
  const { asked, identify } = publishing(() => KEYS, { issuer: "https://other.example" });
  await assert.rejects(identify(token({ kid: "r" }, claims(), rsa.privateKey)), Unauthenticated);
  assert.equal(await identify(token({ kid: "r" }, claims({ iss: "https://other.example" }), rsa.privateKey)), "user-1");
  assert.equal(asked.metadata, 0);
});
