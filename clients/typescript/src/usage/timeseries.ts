import type { CallOptions, Calls } from "../calls/call.js";
import type { QueryOf, UsageSeries } from "../shapes.js";

export const timeseries =
  (calls: Calls) =>
  (query: QueryOf<"/usage/timeseries"> = {}, options?: CallOptions): Promise<UsageSeries> =>
    calls.send({ method: "GET", path: "/usage/timeseries", query }, options);
