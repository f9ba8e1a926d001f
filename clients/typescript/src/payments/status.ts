import type { CallOptions, Calls } from "../calls/call.js";
import type { QueryOf, Transaction } from "../shapes.js";

export const status =
  (calls: Calls) =>
  (
    transactionId: string,
    query: QueryOf<"/payments/status/{transaction_id}"> = {},
    options?: CallOptions,
  ): Promise<Transaction> =>
    calls.send(
      {
        method: "GET",
        path: `/payments/status/${encodeURIComponent(transactionId)}`,
        query,
        heldBackMs: (query.wait ?? 0) * 1000,
      },
      options,
    );
