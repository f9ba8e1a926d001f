// The questions that a guard asks before the handler runs, whatever the shape of the host's handlers.
import type { Caller } from "../auth/caller.js";
import { mustBeInScope } from "../auth/caller.js";
import type { HeaderOf } from "../auth/credential.js";
import type { Identified } from "../auth/identify.js";
import { SubscriptionRequired, TollgateError, Unavailable } from "../errors.js";
import type { Subscription } from "../shapes.js";
import type { Tollgate } from "../tollgate.js";
import type { HeldUnits } from "./held-units.js";
import { holdUnits, isAboutTheBuyer } from "./hold-units.js";

/** What is asked about a call. */
export interface Asking {
  header: HeaderOf;
  clientAddress: string | undefined;
}

export interface AuthTerms {
  /** Keys that are limited to scopes pass if this is one of them; without it they do not. */
  scope?: string;
}

export interface QuotaTerms extends AuthTerms {
  /** How many calls' worth are set aside; 1 when left out. */
  cost?: number;
  /** How long at most the handler, or its job, takes: 1 to 86,400; 600 when left out. */
  holdSeconds?: number;
}

/** A guard's question. Throws a `Refused` for the caller to hear, or whatever else went wrong. */
export type Question<Known> = (asking: Asking) => Promise<Known>;

export interface Authenticated {
  caller: Caller;
}
export interface Subscribed extends Authenticated {
  subscription: Subscription;
}
export interface Charged extends Authenticated {
  units: HeldUnits;
}

/** Carries what the caller is told, apart from faults of the host's own. */
export class Refused extends Error {
  readonly refusal: TollgateError;

  constructor(refusal: TollgateError) {
    super(refusal.message, { cause: refusal });
    this.refusal = refusal;
  }
}

export function authQuestion(tollgate: Tollgate, terms: AuthTerms): Question<Authenticated> {
  return async (asking) => {
    const { caller } = await identified(tollgate, asking, terms.scope);
    return { caller };
  };
}

export function subscriptionQuestion(
  tollgate: Tollgate,
  plans: string | readonly string[] | undefined,
  terms: AuthTerms,
): Question<Subscribed> {
  const wanted = typeof plans === "string" ? [plans] : plans;
  // An empty list asked of the service would mean no question at all, and let everybody in.
  if (wanted?.length === 0 || wanted?.some((slug) => slug === "" || slug.includes(","))) {
    throw new TypeError("requireSubscription: one or more slugs of plans are wanted; left out, any plan will do");
  }
  return async (asking) => {
    const { caller, credential } = await identified(tollgate, asking, terms.scope);
    const plan = wanted === undefined ? {} : { plan: wanted.join(",") };
    const { clientAddress } = asking;
    const standing = await refusable(
      tollgate.auth.standing({ credential, ...plan, clientAddress, language: languageOf(asking) }),
    );
    if (standing.subscription == null) {
      throw new Refused(
        new SubscriptionRequired({ code: "subscription_required", status: 402, message: "A subscription is required" }),
      );
    }
    return { caller, subscription: standing.subscription };
  };
}

export function permissionQuestion(tollgate: Tollgate, permission: string): Question<Authenticated> {
  if (permission === "") throw new TypeError("requirePermission: the name of a permission is wanted");
  return async (asking) => {
    const { caller, credential } = await identified(tollgate, asking, undefined);
    const { clientAddress } = asking;
    await refusable(tollgate.auth.standing({ credential, permission, clientAddress, language: languageOf(asking) }));
    return { caller };
  };
}

export function quotaQuestion(tollgate: Tollgate, resourceType: string, terms: QuotaTerms): Question<Charged> {
  const { cost = 1, holdSeconds = 600, scope = "quota" } = terms;
  if (!tollgate.hasServiceKey) throw new TypeError("consumeQuota: takes a client with a service key of the scope quota");
  if (!Number.isSafeInteger(cost) || cost < 1) throw new RangeError("consumeQuota: cost is a whole number from 1 on");
  return async (asking) => {
    const { caller } = await identified(tollgate, asking, scope);
    const wanted = { userId: caller.userId, resourceType, cost, holdSeconds, language: languageOf(asking) };
    const units = await refusable(holdUnits(tollgate, wanted), isAboutTheBuyer);
    return { caller, units };
  };
}

async function identified(tollgate: Tollgate, asking: Asking, scope: string | undefined): Promise<Identified> {
  const { clientAddress } = asking;
  const asked = tollgate.auth.identify(asking.header, { clientAddress, language: languageOf(asking) });
  return await refusable(
    asked.then((found) => {
      mustBeInScope(found.caller, scope);
      return found;
    }),
  );
}

/** The others tell of a wrong url or version: the host's own faults. */
const FOR_CALLERS = new Set([400, 401, 402, 403, 429]);

function isAboutTheCaller(error: TollgateError): boolean {
  return error instanceof Unavailable || FOR_CALLERS.has(error.status);
}

async function refusable<T>(
  work: Promise<T>,
  isForCaller: (error: TollgateError) => boolean = isAboutTheCaller,
): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof TollgateError && isForCaller(error)) throw new Refused(error);
    throw error;
  }
}

function languageOf(asking: Asking): string | undefined {
  return asking.header("accept-language") ?? undefined;
}
