import type { CallOptions, Calls } from "../calls/call.js";
import type { Subscription } from "../shapes.js";

export const resume =
  (calls: Calls) =>
  (options?: CallOptions): Promise<Subscription> =>
    calls.send({ method: "POST", path: "/payments/subscriptions/resume", json: {} }, options);
