import type { CallOptions, Calls } from "../calls/call.js";

export const logout =
  (calls: Calls) =>
  (body: { refresh_token?: string } = {}, options?: CallOptions): Promise<void> =>
    calls.send({ method: "POST", path: "/auth/logout", json: body }, options);
