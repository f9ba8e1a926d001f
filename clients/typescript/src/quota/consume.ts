import type { CallOptions, Calls } from "../calls/call.js";
import type { ConsumeBody, Consumed } from "../shapes.js";

export const consume =
  (calls: Calls) =>
  (body: ConsumeBody, options?: CallOptions): Promise<Consumed> =>
    calls.send({ method: "POST", path: "/quota/consume", json: body }, options);
