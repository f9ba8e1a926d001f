import type { CallOptions, Calls } from "../calls/call.js";
import type { Plan, PlanList } from "../shapes.js";

export const plans =
  (calls: Calls) =>
  async (options?: CallOptions): Promise<Plan[]> =>
    // One page holds them all: the service takes no cursor here.
    (await calls.send<PlanList>({ method: "GET", path: "/payments/plans" }, options)).data;
