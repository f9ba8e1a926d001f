import type { CallOptions, Calls } from "../calls/call.js";
import type { IntrospectBody, Introspection } from "../shapes.js";

export const introspect =
  (calls: Calls) =>
  (body: IntrospectBody, options?: CallOptions): Promise<Introspection> =>
    calls.send({ method: "POST", path: "/auth/introspect", form: { token: body.token } }, options);
