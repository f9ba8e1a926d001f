import type { CallOptions, Calls } from "../calls/call.js";
import type { UnitRefundBody, UnitRefund } from "../shapes.js";

export const refund =
  (calls: Calls) =>
  (body: UnitRefundBody, options?: CallOptions): Promise<UnitRefund> =>
    calls.send({ method: "POST", path: "/quota/refund", json: body }, options);
