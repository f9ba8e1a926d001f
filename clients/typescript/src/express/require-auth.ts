import { authQuestion } from "../guards/admission.js";
import type { AuthTerms } from "../guards/admission.js";
import type { Tollgate } from "../tollgate.js";
import { remember } from "./known.js";
import { middleware } from "./middleware.js";
import type { MiddlewareTerms } from "./middleware.js";
import type { Middleware } from "./shapes.js";

/** As the guard of the same name around handlers; `callerOf(request)` gives the caller. */
export function requireAuth(tollgate: Tollgate, terms: AuthTerms & MiddlewareTerms = {}): Middleware {
  return middleware(authQuestion(tollgate, terms), terms, (known, request, _response, next) => {
    remember(request, known);
    next();
  });
}
