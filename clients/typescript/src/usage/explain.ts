import type { CallOptions, Calls } from "../calls/call.js";
import type { Explanation, QueryOf } from "../shapes.js";

export const explain =
  (calls: Calls) =>
  (query: QueryOf<"/usage/explain"> = {}, options?: CallOptions): Promise<Explanation> =>
    calls.send({ method: "GET", path: "/usage/explain", query }, options);
