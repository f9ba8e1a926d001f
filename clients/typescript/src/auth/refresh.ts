import type { CallOptions, Calls } from "../calls/call.js";
import type { RefreshBody, Tokens } from "../shapes.js";

export const refresh =
  (calls: Calls) =>
  (body: RefreshBody, options?: CallOptions): Promise<Tokens> =>
    calls.send(
      // A token that is used again after ten seconds ends the whole sign-in; repeats stay well below that.
      { method: "POST", path: "/auth/refresh", json: body, credential: "none" },
      { ...options, timeoutMs: Math.min(options?.timeoutMs ?? REPEATS_WITHIN_MS, REPEATS_WITHIN_MS) },
    );

const REPEATS_WITHIN_MS = 8_000;
