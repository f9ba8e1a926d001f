import type { CallOptions, Calls } from "../calls/call.js";
import type { Me, QueryOf } from "../shapes.js";

export const me =
  (calls: Calls) =>
  (query: QueryOf<"/auth/me"> = {}, options?: CallOptions): Promise<Me> =>
    calls.send({ method: "GET", path: "/auth/me", query }, options);
