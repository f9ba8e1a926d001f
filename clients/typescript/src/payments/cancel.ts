import type { CallOptions, Calls } from "../calls/call.js";
import type { CancelBody, Subscription } from "../shapes.js";

export const cancel =
  (calls: Calls) =>
  (body: CancelBody = {}, options?: CallOptions): Promise<Subscription> =>
    calls.send({ method: "POST", path: "/payments/subscriptions/cancel", json: body }, options);
