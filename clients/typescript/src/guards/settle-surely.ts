// The work is done and somebody has been answered: what they owe is not forgotten at the service's first silence.
import { pause } from "../calls/time-limit.js";
import { Unavailable } from "../errors.js";
import type { Settled } from "../shapes.js";
import type { Tollgate } from "../tollgate.js";

export type Ending = { kind: "commit"; cost: number | undefined } | { kind: "release" };

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 15_000;

/** Tries until it is done, refused, or the hold's time is over and its units are given back by themselves. */
export async function settleSurely(
  tollgate: Tollgate,
  reservationId: string,
  ending: Ending,
  expiresAt: () => number,
): Promise<Settled> {
  for (let wait = FIRST_WAIT_MS; ; wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
    try {
      return await settle(tollgate, reservationId, ending);
    } catch (error) {
      if (!(error instanceof Unavailable) || Date.now() + wait >= expiresAt()) throw error;
      await pause(wait);
    }
  }
}

function settle(tollgate: Tollgate, reservationId: string, ending: Ending): Promise<Settled> {
  if (ending.kind === "release") return tollgate.quota.release({ reservation_id: reservationId });
  const cost = ending.cost === undefined ? {} : { cost: ending.cost };
  return tollgate.quota.commit({ reservation_id: reservationId, ...cost });
}
