import type { CallOptions, Calls, Presented } from "../calls/call.js";
import type { QueryOf, Verification } from "../shapes.js";

/** What is asked for, if anything. */
export interface VerifyQuery extends QueryOf<"/auth/verify"> {
  /** Whose, when it is not the client's own. */
  credential?: Presented;
  /** Where the credential came from, for keys that are limited to addresses; the service must trust this host. */
  clientAddress?: string | undefined;
}

export const verify =
  (calls: Calls) =>
  ({ credential, clientAddress, ...query }: VerifyQuery = {}, options?: CallOptions): Promise<Verification> =>
    calls.send(
      {
        method: "GET",
        path: "/auth/verify",
        query: { ...query },
        credential: credential ?? "own",
        headers: clientAddress === undefined ? {} : { "x-forwarded-for": clientAddress },
      },
      options,
    );
