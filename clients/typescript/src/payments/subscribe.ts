import type { CallOptions, Calls } from "../calls/call.js";
import type { SubscribeBody, Checkout } from "../shapes.js";

export const subscribe =
  (calls: Calls) =>
  (body: SubscribeBody, options?: CallOptions): Promise<Checkout> =>
    calls.send({ method: "POST", path: "/payments/subscriptions/subscribe", json: body }, options);
