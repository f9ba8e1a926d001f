// A fetch that answers by a list, and keeps what it was asked.
import assert from "node:assert/strict";

import { Tollgate } from "tollgate";
import type { Credential, Settings } from "tollgate";

export interface Asked {
  at: number;
  method: string;
  url: URL;
  headers: Headers;
  body: string;
}

export type Answer = (asked: Asked, signal: AbortSignal) => Response | Promise<Response>;

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Answer {
  return () => new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json", ...headers } });
}

export function problem(status: number, code: string, headers: Record<string, string> = {}, more: object = {}): Answer {
  const type = `urn:tollgate:problem:${code}`;
  return json(status, { type, title: code, status, code, detail: `told: ${code}`, request_id: "r-1", ...more }, headers);
}

/** As a connection that is refused. */
export const refused: Answer = () => Promise.reject(new TypeError("fetch failed"));

/** As one that is silent until the call is ended. */
export const silent: Answer = (_asked, signal) =>
  new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));

export function answering(
  answers: Answer[],
  settings: Partial<Settings> & Credential = {},
): { tollgate: Tollgate; asked: Asked[] } {
  const asked: Asked[] = [];
  const left = [...answers];
  const fake = async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const call: Asked = {
      at: performance.now(),
      method: init.method ?? "GET",
      url: new URL(String(input)),
      headers: new Headers(init.headers),
      body: String(init.body ?? ""),
    };
    asked.push(call);
    assert.ok(init.signal);
    init.signal.throwIfAborted();
    const answer = left.shift();
    assert.ok(answer, `one call more than was expected: ${call.method} ${call.url.pathname}`);
    return await answer(call, init.signal);
  };
  return { tollgate: new Tollgate({ url: "http://tollgate.test", fetch: fake, ...settings }), asked };
}
