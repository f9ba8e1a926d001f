import type { CallOptions, Calls } from "../calls/call.js";
import type { LogoutBody } from "../shapes.js";

export const logout =
  (calls: Calls) =>
  (body: LogoutBody = {}, options?: CallOptions): Promise<void> =>
    calls.send({ method: "POST", path: "/auth/logout", json: body }, options);
