// Guards around handlers of the fetch kind: a Request in, a Response out.
import type { Asking, Question } from "./admission.js";
import { Refused } from "./admission.js";
import { refusalOf } from "./refusal.js";

/** `context` is whatever the platform hands over beside the request; `known` is what guards have found out. */
export type Handler<Context, Known> = (
  request: Request,
  context: Context,
  known: Known,
) => Response | Promise<Response>;

/** Looks like a handler that nobody guards, so that routers take it, and other guards. */
export type Guarded<Context, Outer> = (request: Request, context: Context, outer?: Outer) => Promise<Response>;

export interface HandlerTerms {
  /** Where the call came from; for keys that are limited to addresses, and only if it cannot be forged. */
  clientAddress?: (request: Request, context: unknown) => string | undefined;
}

/** Asks, and answers a refusal in the handler's place. */
export async function admitted<Known>(
  question: Question<Known>,
  request: Request,
  context: unknown,
  terms: HandlerTerms,
): Promise<{ known: Known } | { refusal: Response }> {
  const asking: Asking = {
    header: (name) => request.headers.get(name),
    clientAddress: terms.clientAddress?.(request, context),
  };
  try {
    return { known: await question(asking) };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const { status, headers, body } = refusalOf(error.refusal, new URL(request.url).pathname);
    return { refusal: new Response(body, { status, headers }) };
  }
}

/** For guards that have nothing to do after the handler. */
export function guard<Own>(question: Question<Own>, terms: HandlerTerms) {
  return <Context = unknown, Outer extends object = object>(
    handler: Handler<Context, Outer & Own>,
  ): Guarded<Context, Outer> =>
    async (request, context, outer) => {
      const admission = await admitted(question, request, context, terms);
      if ("refusal" in admission) return admission.refusal;
      return await handler(request, context, { ...outer, ...admission.known } as Outer & Own);
    };
}
