import type { CallOptions, Calls } from "../calls/call.js";
import type { Checkout, CreatePaymentBody } from "../shapes.js";

export const create =
  (calls: Calls) =>
  (body: CreatePaymentBody, options?: CallOptions): Promise<Checkout> =>
    calls.send({ method: "POST", path: "/payments/create", json: body }, options);
