import type { CallOptions, Calls } from "../calls/call.js";
import type { RegisterBody, User } from "../shapes.js";

export const register =
  (calls: Calls) =>
  (body: RegisterBody, options?: CallOptions): Promise<User> =>
    calls.send(
      // No repeat is known by its key here: a second one would be told that the address is taken.
      { method: "POST", path: "/auth/register", json: body, credential: "none", repeatable: false },
      options,
    );
