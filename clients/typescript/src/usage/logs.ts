import type { CallOptions, Calls } from "../calls/call.js";
import { rows } from "../pages.js";
import type { QueryOf, UsageLog } from "../shapes.js";

/** Which rows; as a table and with a total they are not walked. */
export type UsageLogsQuery = Omit<QueryOf<"/usage/logs">, "format" | "include" | "ending_before">;

export const logs =
  (calls: Calls) =>
  (query: UsageLogsQuery = {}, options?: CallOptions): AsyncGenerator<UsageLog, void, undefined> =>
    rows(calls, { method: "GET", path: "/usage/logs", query }, options);
