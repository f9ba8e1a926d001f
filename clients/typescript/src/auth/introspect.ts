import type { CallOptions, Calls } from "../calls/call.js";
import type { Introspection } from "../shapes.js";

export const introspect =
  (calls: Calls) =>
  (body: { token: string }, options?: CallOptions): Promise<Introspection> =>
    calls.send({ method: "POST", path: "/auth/introspect", form: { token: body.token } }, options);
