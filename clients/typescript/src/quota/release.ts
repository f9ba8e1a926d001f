import type { CallOptions, Calls } from "../calls/call.js";
import type { ReleaseBody, Settled } from "../shapes.js";

export const release =
  (calls: Calls) =>
  (body: ReleaseBody, options?: CallOptions): Promise<Settled> =>
    calls.send({ method: "POST", path: "/quota/release", json: body }, options);
