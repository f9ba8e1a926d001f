// Units that a guarded call has set aside, until they are settled, once.
//
// What can happen at once: the handler answers, throws, or the client hangs up; it may have handed the settling to a job.
// Whoever moves `#stand` away from what it expects settles; everybody else finds it moved. Settling goes on by itself once
// it has begun, so nobody who hangs up in the middle stops it.
import type { Quota, Reservation } from "../shapes.js";
import type { Tollgate } from "../tollgate.js";
import { settleSurely } from "./settle-surely.js";
import type { Ending } from "./settle-surely.js";

/** An answer waits so long for its units to be settled. */
const ANSWERED_WITHIN_MS = 2_000;

/** What a handler may say about its units. */
export interface Hold {
  /** How many calls' worth were set aside. */
  readonly cost: number;
  /** How the meter stood then; undefined when the call was let through uncharged. */
  readonly quota: Quota | undefined;
  /** So many calls' worth are charged when the call succeeds: 1 to `cost`. */
  setCost(cost: number): void;
  /** The answer settles nothing any more: whoever calls this commits or releases. */
  defer(): DeferredHold;
}

/** Units whose fate a job decides. Left alone, they are given back when the hold's time is over. */
export interface DeferredHold {
  /** Charges them, all or `cost` calls' worth; undefined when the call was let through uncharged. */
  commit(cost?: number): Promise<{ usage_id: string } | undefined>;
  /** Gives them back. */
  release(): Promise<void>;
  /** Moves the hold's end to so many seconds from now. */
  extend(ttlSeconds: number): Promise<void>;
}

export class HeldUnits {
  readonly cost: number;
  readonly #tollgate: Tollgate;
  /** Undefined: let through. */
  readonly #reservation: Reservation | undefined;
  #stand: "open" | "deferred" | "settled" = "open";
  #charged: number | undefined;
  #expiresAt: number;
  #settling: Promise<unknown> = Promise.resolve();

  constructor(tollgate: Tollgate, cost: number, reservation: Reservation | undefined) {
    this.#tollgate = tollgate;
    this.cost = cost;
    this.#reservation = reservation;
    this.#expiresAt = reservation === undefined ? 0 : Date.parse(reservation.expires_at);
  }

  /** For the handler. */
  hold(): Hold {
    const units = this;
    return {
      cost: units.cost,
      quota: units.#reservation?.quota,
      setCost: (cost) => units.#setCost(cost),
      defer: () => units.#defer(),
    };
  }

  /** The outcome is known. Gives how the meter stands, once that is durable, or before, where it cannot be told in time. */
  async answered(status: number): Promise<Quota | undefined> {
    const before = this.#reservation?.quota;
    const ending: Ending = status < 400 ? { kind: "commit", cost: this.#charged } : { kind: "release" };
    const settling = this.#settleFrom("open", ending);
    if (settling === undefined) return before;
    const settled = await within(ANSWERED_WITHIN_MS, settling);
    return settled ?? before;
  }

  /** The handler threw, or nobody is there any more to be answered. */
  async giveBack(): Promise<void> {
    const settling = this.#settleFrom("open", { kind: "release" });
    if (settling !== undefined) await within(ANSWERED_WITHIN_MS, settling);
  }

  /** Ends when nothing more is done about these units; for platforms that stop at the answer. */
  async settled(): Promise<void> {
    await this.#settling;
  }

  #setCost(cost: number): void {
    this.#mustBeWithin(cost);
    if (this.#stand !== "open") throw new Error("the units are settled already, or by a job");
    this.#charged = cost;
  }

  #mustBeWithin(cost: number): void {
    if (!Number.isSafeInteger(cost) || cost < 1 || cost > this.cost) {
      throw new RangeError(`the cost is 1 to ${this.cost}, what was set aside; not ${cost}`);
    }
  }

  #defer(): DeferredHold {
    if (this.#stand === "settled") throw new Error("the units are settled already");
    this.#stand = "deferred";
    return {
      commit: async (cost = this.#charged) => {
        if (cost !== undefined) this.#mustBeWithin(cost);
        const settled = await this.#endJob({ kind: "commit", cost });
        return settled?.usage_id == null ? undefined : { usage_id: settled.usage_id };
      },
      release: async () => {
        await this.#endJob({ kind: "release" });
      },
      extend: async (ttlSeconds) => {
        if (this.#reservation === undefined) return;
        const body = { reservation_id: this.#reservation.reservation_id, ttl_seconds: ttlSeconds };
        this.#expiresAt = Date.parse((await this.#tollgate.quota.extend(body)).expires_at);
      },
    };
  }

  /** A job hears how it ended, and may ask again: a repeat is answered as the first, another end is refused. */
  async #endJob(ending: Ending): Promise<{ usage_id?: string | null } | undefined> {
    this.#stand = "settled";
    if (this.#reservation === undefined) return undefined;
    return await settleSurely(this.#tollgate, this.#reservation.reservation_id, ending, () => this.#expiresAt);
  }

  #settleFrom(expected: "open", ending: Ending): Promise<Quota | undefined> | undefined {
    if (this.#stand !== expected) return undefined;
    this.#stand = "settled";
    const reservation = this.#reservation;
    if (reservation === undefined) return undefined;
    const settling = settleSurely(this.#tollgate, reservation.reservation_id, ending, () => this.#expiresAt).then(
      (settled) => settled.quota,
      (error: unknown) => {
        this.#tollgate.log("the units of a call could not be settled; the service gives them back when their time is over", {
          reservation_id: reservation.reservation_id,
          ending: ending.kind,
          error,
        });
        return undefined;
      },
    );
    this.#settling = settling;
    return settling;
  }
}

/** Undefined when it takes longer; it goes on all the same. */
async function within<T>(milliseconds: number, work: Promise<T>): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), milliseconds);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
