// Events that the service sends (Standard Webhooks). Verified over the bytes that came, before anything is read.

/** An event that was verified. */
export interface WebhookEvent {
  /** The same at every try: keep it, and ignore what you have seen. */
  id: string;
  type: string;
  timestamp: string;
  data: Record<string, unknown>;
}

/** The call proves nothing; answer 400 and read no further. */
export class WebhookRefused extends Error {
  override readonly name = "WebhookRefused";
}

export type WebhookHeaders = Headers | Record<string, string | string[] | undefined>;

export interface WebhookTerms {
  /** How far the time may be off, either way; 300 when left out. */
  toleranceSeconds?: number;
}

/** More signatures than a service sends that exchanges its secret. */
const MOST_SIGNATURES = 16;

async function verify(
  body: string | Uint8Array | ArrayBuffer,
  headers: WebhookHeaders,
  secrets: string | readonly string[],
  { toleranceSeconds = 300 }: WebhookTerms = {},
): Promise<WebhookEvent> {
  const keys = await Promise.all((typeof secrets === "string" ? [secrets] : secrets).map(keyOf));
  if (keys.length === 0) throw new TypeError("webhooks.verify: a secret is wanted");
  const bytes = bytesOf(body);
  const id = headerOf(headers, "webhook-id");
  const at = headerOf(headers, "webhook-timestamp");
  const signatures = headerOf(headers, "webhook-signature");
  if (!/^\d{1,12}$/.test(at)) throw new WebhookRefused("webhook-timestamp is no time");
  if (!(Math.abs(Date.now() / 1000 - Number(at)) <= toleranceSeconds)) {
    throw new WebhookRefused("webhook-timestamp is too far from now");
  }
  const signed = concatenated(new TextEncoder().encode(`${id}.${at}.`), bytes);
  if (!(await isSigned(signed, signatures, keys))) throw new WebhookRefused("no signature is ours");
  return { ...eventOf(bytes), id };
}

/** Every pair is tried, each compared by the platform in constant time. */
async function isSigned(signed: Uint8Array<ArrayBuffer>, signatures: string, keys: CryptoKey[]): Promise<boolean> {
  let found = false;
  for (const signature of signatures.split(" ").slice(0, MOST_SIGNATURES)) {
    const theirs = signature.startsWith("v1,") ? fromBase64(signature.slice("v1,".length)) : undefined;
    if (theirs === undefined) continue;
    for (const key of keys) {
      if (await crypto.subtle.verify("HMAC", key, theirs, signed)) found = true;
    }
  }
  return found;
}

async function keyOf(secret: string): Promise<CryptoKey> {
  const bytes = fromBase64(secret.replace(/^whsec_/, ""));
  // An empty key would sign for everybody.
  if (bytes === undefined || bytes.length === 0) throw new TypeError("webhooks.verify: a secret is whsec_ and base64");
  return await crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
}

function bytesOf(body: unknown): Uint8Array {
  if (typeof body === "string") return new TextEncoder().encode(body);
  if (body instanceof Uint8Array) return body;
  if (body instanceof ArrayBuffer) return new Uint8Array(body);
  throw new TypeError("webhooks.verify: the body as it came is wanted, bytes or text; parsed and written again it differs");
}

function headerOf(headers: WebhookHeaders, name: string): string {
  const value =
    headers instanceof Headers
      ? headers.get(name)
      : Object.entries(headers).find(([own]) => own.toLowerCase() === name)?.[1];
  if (typeof value !== "string" || value === "") throw new WebhookRefused(`${name} is missing, or there several times`);
  return value;
}

function eventOf(bytes: Uint8Array): Omit<WebhookEvent, "id"> {
  try {
    const event: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    if (typeof event === "object" && event !== null && "type" in event && typeof event.type === "string") {
      return event as Omit<WebhookEvent, "id">;
    }
  } catch (cause) {
    throw new WebhookRefused("the body is no JSON", { cause });
  }
  throw new WebhookRefused("the body is no event");
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}

function concatenated(head: Uint8Array, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(head.length + body.length);
  whole.set(head);
  whole.set(body, head.length);
  return whole;
}

export const webhooks = { verify };
