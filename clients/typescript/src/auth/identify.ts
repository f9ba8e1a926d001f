import type { Presented } from "../calls/call.js";
import { Unauthenticated } from "../errors.js";
import { partsOf, verifyToken } from "./access-token.js";
import { callerOf } from "./caller.js";
import type { Caller } from "./caller.js";
import { presentedBy } from "./credential.js";
import type { HeaderOf } from "./credential.js";
import type { KeyRing } from "./key-ring.js";
import type { standing } from "./standing.js";

export interface IdentifyOptions {
  /** Where the call came from, for keys that are limited to addresses. */
  clientAddress?: string | undefined;
  language?: string | undefined;
}

export interface Identified {
  caller: Caller;
  credential: Presented;
}

/** Nobody is `Unauthenticated`, like a credential that is not good. */
export const identify =
  (keys: KeyRing, asked: ReturnType<typeof standing>) =>
  async (request: Headers | HeaderOf, options: IdentifyOptions = {}): Promise<Identified> => {
    const credential = presentedBy(typeof request === "function" ? request : (name) => request.get(name));
    if (credential === undefined) {
      throw new Unauthenticated({ code: "unauthenticated", status: 401, message: "Not signed in" });
    }
    if (credential.header === "authorization") {
      const token = partsOf(credential.value.slice("Bearer ".length));
      if (token !== undefined && !(await keys.isEmpty())) {
        return { caller: await verifyToken(token, keys), credential };
      }
    }
    return { caller: callerOf(await asked({ credential, ...options })), credential };
  };
