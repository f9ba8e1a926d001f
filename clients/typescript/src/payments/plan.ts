import type { CallOptions, Calls } from "../calls/call.js";
import type { Plan } from "../shapes.js";

export const plan =
  (calls: Calls) =>
  (idOrSlug: string, options?: CallOptions): Promise<Plan> =>
    calls.send({ method: "GET", path: `/payments/plans/${encodeURIComponent(idOrSlug)}` }, options);
