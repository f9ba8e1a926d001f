import type { Calls } from "../calls/call.js";
import { check } from "./check.js";
import { commit } from "./commit.js";
import { consume } from "./consume.js";
import { extend } from "./extend.js";
import { refund } from "./refund.js";
import { release } from "./release.js";
import { reserve } from "./reserve.js";

export type QuotaArea = ReturnType<typeof quotaArea>;

export function quotaArea(calls: Calls) {
  return {
    /** Whether a call would pass now: `allowed`. Takes nothing; out of units is an answer, no error. */
    check: check(calls),
    /** Charges a call. Too few units: `QuotaExceeded`. */
    consume: consume(calls),
    /** Sets units aside until they are charged, released, or their time is over. */
    reserve: reserve(calls),
    /** Charges what was set aside, all or a part. */
    commit: commit(calls),
    /** Gives back what was set aside. */
    release: release(calls),
    /** Moves the end of what is set aside. */
    extend: extend(calls),
    /** Gives a charge back, once. */
    refund: refund(calls),
  };
}
