import type { CallOptions, Calls } from "../calls/call.js";
import type { QueryOf, QuotaCheck } from "../shapes.js";

export const check =
  (calls: Calls) =>
  (query: QueryOf<"/quota/check">, options?: CallOptions): Promise<QuotaCheck> =>
    calls.send({ method: "GET", path: "/quota/check", query }, options);
