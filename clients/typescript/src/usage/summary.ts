import type { CallOptions, Calls } from "../calls/call.js";
import type { UsageSummary } from "../shapes.js";

export const summary =
  (calls: Calls) =>
  (options?: CallOptions): Promise<UsageSummary> =>
    calls.send({ method: "GET", path: "/usage/summary" }, options);
