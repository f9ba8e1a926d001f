import type { CallOptions, Calls } from "../calls/call.js";
import type { Refund, RefundBody } from "../shapes.js";

export const refund =
  (calls: Calls) =>
  (transactionId: string, body: RefundBody, options?: CallOptions): Promise<Refund> =>
    calls.send(
      { method: "POST", path: `/payments/refund/${encodeURIComponent(transactionId)}`, json: body },
      options,
    );
