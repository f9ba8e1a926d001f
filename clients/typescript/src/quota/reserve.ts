import type { CallOptions, Calls } from "../calls/call.js";
import type { ReserveBody, Reservation } from "../shapes.js";

export const reserve =
  (calls: Calls) =>
  (body: ReserveBody, options?: CallOptions): Promise<Reservation> =>
    calls.send({ method: "POST", path: "/quota/reserve", json: body }, options);
