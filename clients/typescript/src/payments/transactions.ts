import type { CallOptions, Calls } from "../calls/call.js";
import { rows } from "../pages.js";
import type { QueryOf, Transaction } from "../shapes.js";

export const transactions =
  (calls: Calls) =>
  (query: QueryOf<"/payments/transactions"> = {}, options?: CallOptions): AsyncGenerator<Transaction, void, undefined> =>
    rows(calls, { method: "GET", path: "/payments/transactions", query }, options);
