import type { Tollgate } from "../tollgate.js";
import { quotaQuestion } from "./admission.js";
import type { Authenticated, QuotaTerms } from "./admission.js";
import { admitted } from "./handler.js";
import type { Guarded, Handler, HandlerTerms } from "./handler.js";
import type { HeldUnits, Hold } from "./held-units.js";
import { quotaHeaders } from "./quota-headers.js";

export interface Holding extends Authenticated {
  hold: Hold;
}

export interface ConsumeTerms extends QuotaTerms, HandlerTerms {
  /**
   * Keeps a platform awake that stops at the answer: `(work, { ctx }) => ctx.waitUntil(work)`. The context is whatever the
   * handler gets; any, since the terms are written before the handler is.
   */
  waitUntil?: (work: Promise<void>, context: any) => void;
}

/**
 * Sets units aside before the handler and settles them by its outcome: a status below 400 charges; 400 and above, a throw
 * or a client that hangs up gives them back.
 */
export function consumeQuota(tollgate: Tollgate, resourceType: string, terms: ConsumeTerms = {}) {
  const question = quotaQuestion(tollgate, resourceType, terms);
  return <Context = unknown, Outer extends object = object>(
    handler: Handler<Context, Outer & Holding>,
  ): Guarded<Context, Outer> =>
    async (request, context, outer) => {
      // Asked for before anything is waited for: there are servers that tell of a hang-up only who asked before it.
      // Not every platform has one.
      const signal: AbortSignal | undefined = request.signal;
      const admission = await admitted(question, request, context, terms);
      if ("refusal" in admission) return admission.refusal;
      const { caller, units } = admission.known;
      const known = { ...outer, caller, hold: units.hold() } as Outer & Holding;
      try {
        return await outcome(signal, units, async () => await handler(request, context, known));
      } finally {
        terms.waitUntil?.(units.settled(), context);
      }
    };
}

async function outcome(
  signal: AbortSignal | undefined,
  units: HeldUnits,
  work: () => Promise<Response>,
): Promise<Response> {
  const onHangUp = (): void => void units.giveBack();
  signal?.addEventListener("abort", onHangUp, { once: true });
  try {
    if (signal?.aborted === true) throw signal.reason;
    const response = await work();
    const quota = await units.answered(response.status);
    return withHeaders(response, quotaHeaders(quota));
  } catch (error) {
    await units.giveBack();
    throw error;
  } finally {
    signal?.removeEventListener("abort", onHangUp);
  }
}

function withHeaders(response: Response, headers: [string, string][]): Response {
  // An upgrade is no Response that could be made anew.
  if (headers.length === 0 || response.status < 200) return response;
  try {
    for (const [name, value] of headers) response.headers.set(name, value);
    return response;
  } catch {
    // What another fetch has answered cannot be changed.
    const changed = new Response(response.body, response);
    for (const [name, value] of headers) changed.headers.set(name, value);
    return changed;
  }
}
