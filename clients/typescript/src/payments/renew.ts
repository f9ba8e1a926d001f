import type { CallOptions, Calls } from "../calls/call.js";
import type { RenewBody, Checkout } from "../shapes.js";

export const renew =
  (calls: Calls) =>
  (body: RenewBody, options?: CallOptions): Promise<Checkout> =>
    calls.send({ method: "POST", path: "/payments/subscriptions/renew", json: body }, options);
