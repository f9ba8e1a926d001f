// What guards have found out about a request, for handlers. Beside the request, not on it: nobody else can set it.
import type { Caller } from "../auth/caller.js";
import type { Hold } from "../guards/held-units.js";
import type { Subscription } from "../shapes.js";

interface Known {
  caller: Caller;
  subscription?: Subscription;
  hold?: Hold;
}

const known = new WeakMap<object, Known>();

export function remember(request: object, found: Known): void {
  known.set(request, { ...known.get(request), ...found });
}

/** Who asks. */
export function callerOf(request: object): Caller {
  return found(request, "caller", "requireAuth");
}

/** What they have. */
export function subscriptionOf(request: object): Subscription {
  return found(request, "subscription", "requireSubscription");
}

/** The units that are set aside for this call. */
export function holdOf(request: object): Hold {
  return found(request, "hold", "consumeQuota");
}

function found<Member extends keyof Known>(request: object, member: Member, guard: string): NonNullable<Known[Member]> {
  const value = known.get(request)?.[member];
  if (value === undefined) throw new Error(`put ${guard} in front of this route: it finds what is asked for here`);
  return value as NonNullable<Known[Member]>;
}
