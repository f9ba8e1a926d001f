// Which failures pass by themselves, and how long to wait for that.
import { TollgateError } from "../errors.js";

const RETRIES = 2;
const FIRST_PAUSE_MS = 200;

/** How long to wait before the next try; `undefined`: there is none. */
export function pauseBeforeRetry(error: TollgateError, tries: number, repeatable: boolean): number | undefined {
  if (tries > RETRIES || !mayPass(error, repeatable)) return undefined;
  const pause = FIRST_PAUSE_MS * 2 ** (tries - 1);
  if (error.retryAfterSeconds !== undefined) {
    // Not a moment sooner, and not all at the same moment.
    return error.retryAfterSeconds * 1000 + Math.random() * FIRST_PAUSE_MS;
  }
  return pause * (0.5 + Math.random() * 0.5);
}

function mayPass(error: TollgateError, repeatable: boolean): boolean {
  // By its code: of the two 429s one passes within a minute, the other next month.
  if (error.code === "rate_limited" || error.code === "idempotency_in_progress") return true;
  if (error.problem === undefined && !repeatable) return false;
  // 503 is also the status of a call that no answer came to.
  return error.status >= 502 && error.status <= 504;
}
