import type { CallOptions, Calls } from "../calls/call.js";
import type { LoginBody, SecondFactorBody, Tokens } from "../shapes.js";

export const login =
  (calls: Calls) =>
  (body: LoginBody, options?: CallOptions): Promise<Tokens> =>
    calls.send({ method: "POST", path: "/auth/login", json: body, credential: "none" }, options);

export const loginSecondFactor =
  (calls: Calls) =>
  (body: SecondFactorBody, options?: CallOptions): Promise<Tokens> =>
    calls.send(
      // A code works once, whether or not its answer arrived.
      { method: "POST", path: "/auth/login/second-factor", json: body, credential: "none", repeatable: false },
      options,
    );
