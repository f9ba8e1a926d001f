import type { CallOptions, Calls } from "../calls/call.js";
import type { Transaction } from "../shapes.js";

export const transaction =
  (calls: Calls) =>
  (transactionId: string, options?: CallOptions): Promise<Transaction> =>
    calls.send({ method: "GET", path: `/payments/transactions/${encodeURIComponent(transactionId)}` }, options);
