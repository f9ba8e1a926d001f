// Access tokens (RFC 9068), verified without asking the service. Which algorithm is used is said by the key, never by
// the token: a token that could choose would choose the weakest.
import { Unauthenticated } from "../errors.js";
import type { Caller } from "./caller.js";
import type { KeyRing } from "./key-ring.js";

/** Clocks differ a little. */
const LEEWAY_SECONDS = 5;

interface Parts {
  header: Record<string, unknown>;
  claims: Record<string, unknown>;
  signed: Uint8Array<ArrayBuffer>;
  signature: Uint8Array<ArrayBuffer>;
}

/** `undefined`: the text has not the form of a token, whatever else it may be. */
export function partsOf(text: string): Parts | undefined {
  const [head, body, signature, more] = text.split(".");
  if (head === undefined || body === undefined || signature === undefined || more !== undefined) return undefined;
  try {
    const header: unknown = JSON.parse(textOf(bytesOf(head)));
    const claims: unknown = JSON.parse(textOf(bytesOf(body)));
    if (!isRecord(header) || !isRecord(claims)) return undefined;
    return { header, claims, signed: new TextEncoder().encode(`${head}.${body}`), signature: bytesOf(signature) };
  } catch {
    return undefined;
  }
}

export async function verifyToken(parts: Parts, keys: KeyRing): Promise<Caller> {
  const { header, claims } = parts;
  // A token of another kind, signed by the same key for another end, is not one of these.
  if (typeof header["typ"] !== "string" || !/^(application\/)?at\+jwt$/i.test(header["typ"])) throw bad("its type");
  // What must be understood (RFC 7515 §4.1.11) is not understood here.
  if ("crit" in header) throw bad("its critical members");
  if (typeof header["kid"] !== "string") throw bad("its key's name");
  const key = await keys.find(header["kid"]);
  if (key === undefined) throw bad("its key");
  if (header["alg"] !== key.algorithm) throw bad("its algorithm");
  if (!(await crypto.subtle.verify(key.verifying, key.key, parts.signature, parts.signed))) throw bad("its signature");

  const now = Date.now() / 1000;
  if (claims["type"] !== "access") throw bad("its type");
  if (claims["iss"] !== (await keys.issuer())) throw bad("its issuer");
  const audience: unknown[] = Array.isArray(claims["aud"]) ? claims["aud"] : [claims["aud"]];
  if (!audience.includes(keys.audience)) throw bad("its audience");
  if (typeof claims["sub"] !== "string" || claims["sub"] === "") throw bad("its subject");
  if (typeof claims["exp"] !== "number" || !Number.isFinite(claims["exp"])) throw bad("its end");
  if (claims["nbf"] !== undefined && !(typeof claims["nbf"] === "number" && claims["nbf"] <= now + LEEWAY_SECONDS)) {
    throw bad("its begin");
  }
  if (claims["exp"] <= now - LEEWAY_SECONDS) {
    throw new Unauthenticated({ code: "token_expired", status: 401, message: "The token has expired" });
  }
  return {
    kind: "user",
    userId: claims["sub"],
    apiKeyId: null,
    scopes: null,
    expiresAt: new Date(claims["exp"] * 1000).toISOString(),
  };
}

function bad(what: string): Unauthenticated {
  return new Unauthenticated({
    code: "unauthenticated",
    status: 401,
    message: "The access token is not good",
    cause: new Error(`the access token is refused for ${what}`),
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function bytesOf(base64url: string): Uint8Array<ArrayBuffer> {
  if (!/^[A-Za-z0-9_-]*$/.test(base64url)) throw new SyntaxError("not base64url");
  const binary = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}
