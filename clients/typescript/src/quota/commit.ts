import type { CallOptions, Calls } from "../calls/call.js";
import type { CommitBody, Settled } from "../shapes.js";

export const commit =
  (calls: Calls) =>
  (body: CommitBody, options?: CallOptions): Promise<Settled> =>
    calls.send({ method: "POST", path: "/quota/commit", json: body }, options);
