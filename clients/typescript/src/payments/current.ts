import type { CallOptions, Calls } from "../calls/call.js";
import type { Subscription } from "../shapes.js";

export const current =
  (calls: Calls) =>
  (options?: CallOptions): Promise<Subscription> =>
    calls.send({ method: "GET", path: "/payments/subscriptions/current" }, options);
