import { TollgateError, Unavailable } from "../errors.js";
import type { Checked, Credential } from "../settings.js";
import { readAnswer } from "./answer.js";
import type { Call, CallOptions, Calls, Query } from "./call.js";
import { pauseBeforeRetry } from "./retry.js";
import { pause, timeLimit } from "./time-limit.js";

/** Makes calls over HTTP, and repeats those that may be repeated. */
export class Exchange implements Calls {
  readonly #settings: Checked;
  readonly #credential: Credential;

  constructor(settings: Checked, credential: Credential) {
    this.#settings = settings;
    this.#credential = credential;
  }

  async send<Answer>(call: Call, options: CallOptions = {}): Promise<Answer> {
    options.signal?.throwIfAborted();
    const timeoutMs = (options.timeoutMs ?? this.#settings.timeoutMs) + (call.heldBackMs ?? 0);
    const end = performance.now() + timeoutMs;
    const limit = timeLimit(timeoutMs, options.signal);
    try {
      const headers = await this.#headers(call, options);
      for (let tries = 1; ; tries += 1) {
        try {
          return await this.#once<Answer>(call, headers, limit.signal);
        } catch (cause) {
          // Whoever ended the call hears their own reason, not one of ours.
          options.signal?.throwIfAborted();
          const error = this.#known(cause, call, limit.isOver() ? timeoutMs : undefined);
          const wait = pauseBeforeRetry(error, tries, call.repeatable ?? true);
          if (wait === undefined || performance.now() + wait >= end) throw error;
          await pause(wait, options.signal);
        }
      }
    } finally {
      limit.done();
    }
  }

  async #once<Answer>(call: Call, headers: Headers, signal: AbortSignal): Promise<Answer> {
    const init: RequestInit = { method: call.method, headers, signal, redirect: "manual" };
    if (call.json !== undefined) init.body = JSON.stringify(call.json);
    if (call.form !== undefined) init.body = new URLSearchParams(call.form).toString();
    const response = await this.#settings.fetch(`${this.#settings.url}${call.path}${search(call.query)}`, init);
    return await readAnswer<Answer>(response);
  }

  /** The headers of all tries: a repeat is known by its key. */
  async #headers(call: Call, options: CallOptions): Promise<Headers> {
    const headers = new Headers(call.headers);
    headers.set("accept", "application/json");
    const language = options.language ?? this.#settings.language;
    if (language !== undefined) headers.set("accept-language", language);
    if (call.json !== undefined) headers.set("content-type", "application/json");
    if (call.form !== undefined) headers.set("content-type", "application/x-www-form-urlencoded");
    if (call.method === "POST") headers.set("idempotency-key", options.idempotencyKey ?? newKey());
    const credential = call.credential ?? "own";
    if (credential === "own") await this.#present(headers);
    else if (credential !== "none") headers.set(credential.header, credential.value);
    return headers;
  }

  async #present(headers: Headers): Promise<void> {
    const { serviceKey, accessToken, apiKey } = this.#credential;
    if (serviceKey !== undefined) headers.set("authorization", `Bearer ${serviceKey}`);
    // Keys that were brought along from elsewhere have no prefix to be known by: they need a header of their own.
    if (apiKey !== undefined) headers.set("x-api-key", apiKey);
    if (accessToken !== undefined) {
      const token = typeof accessToken === "function" ? await accessToken() : accessToken;
      headers.set("authorization", `Bearer ${token}`);
    }
  }

  #known(cause: unknown, call: Call, afterMs: number | undefined): TollgateError {
    if (cause instanceof TollgateError) return cause;
    const what = afterMs === undefined ? "cannot be reached" : `did not answer within ${afterMs} ms`;
    return new Unavailable({
      code: "unavailable",
      status: 503,
      message: `${this.#settings.url} ${what} (${call.method} ${call.path})`,
      cause,
    });
  }
}

function search(query: Query | undefined): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value === undefined || value === null) continue;
    if (typeof value === "object") for (const one of value) params.append(name, one);
    else params.append(name, String(value));
  }
  const text = params.toString();
  return text === "" ? "" : `?${text}`;
}

// Not crypto.randomUUID: browsers keep it from pages that came without TLS.
function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
