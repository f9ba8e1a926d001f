import { subscriptionQuestion } from "../guards/admission.js";
import type { AuthTerms } from "../guards/admission.js";
import type { Tollgate } from "../tollgate.js";
import { remember } from "./known.js";
import { middleware } from "./middleware.js";
import type { MiddlewareTerms } from "./middleware.js";
import type { Middleware } from "./shapes.js";

/** As the guard of the same name around handlers; `subscriptionOf(request)` gives the subscription. */
export function requireSubscription(
  tollgate: Tollgate,
  plans?: string | readonly string[],
  terms: AuthTerms & MiddlewareTerms = {},
): Middleware {
  return middleware(subscriptionQuestion(tollgate, plans, terms), terms, (known, request, _response, next) => {
    remember(request, known);
    next();
  });
}
