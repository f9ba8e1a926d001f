import type { Calls } from "../calls/call.js";
import { explain } from "./explain.js";
import { logs } from "./logs.js";
import { summary } from "./summary.js";
import { timeseries } from "./timeseries.js";

export type Usage = ReturnType<typeof usageArea>;

export function usageArea(calls: Calls) {
  return {
    /** A row for every charge, newest first, page after page. */
    logs: logs(calls),
    /** The open period by resource type, today, the last seven days. */
    summary: summary(calls),
    /** Lines over time, with a point for every interval. */
    timeseries: timeseries(calls),
    /** The steps that lead to the number of units that is served. */
    explain: explain(calls),
  };
}
