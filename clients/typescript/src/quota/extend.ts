import type { CallOptions, Calls } from "../calls/call.js";
import type { ExtendBody, Reservation } from "../shapes.js";

export const extend =
  (calls: Calls) =>
  (body: ExtendBody, options?: CallOptions): Promise<Reservation> =>
    calls.send({ method: "POST", path: "/quota/extend", json: body }, options);
