import { QuotaExceeded, SubscriptionRequired, Unavailable } from "../errors.js";
import type { TollgateError } from "../errors.js";
import type { Reservation } from "../shapes.js";
import type { Tollgate } from "../tollgate.js";
import { HeldUnits } from "./held-units.js";

export interface UnitsWanted {
  userId: string;
  resourceType: string;
  cost: number;
  holdSeconds: number;
  language: string | undefined;
}

/** Sets units aside for one call. */
export async function holdUnits(tollgate: Tollgate, wanted: UnitsWanted): Promise<HeldUnits> {
  let reservation: Reservation | undefined;
  try {
    // Not ended when the client hangs up: whether the units were taken would then be anybody's guess.
    reservation = await tollgate.quota.reserve(
      { user_id: wanted.userId, resource_type: wanted.resourceType, cost: wanted.cost, ttl_seconds: wanted.holdSeconds },
      { language: wanted.language },
    );
  } catch (error) {
    if (!(error instanceof Unavailable) || tollgate.onUnavailable !== "allow") throw error;
    tollgate.letThrough += 1;
    tollgate.log("the service is away: a call passes uncharged", {
      user_id: wanted.userId,
      resource_type: wanted.resourceType,
      let_through: tollgate.letThrough,
      error,
    });
  }
  return new HeldUnits(tollgate, wanted.cost, reservation);
}

/** Whether the refusal is the buyer's to hear. The others are about the host's own key or its own route. */
export function isAboutTheBuyer(error: TollgateError): boolean {
  return error instanceof QuotaExceeded || error instanceof SubscriptionRequired || error instanceof Unavailable;
}
